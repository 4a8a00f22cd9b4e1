"""Items whose content is the same, byte for byte."""

from auditor.tables import Column

MEANING = "items that share their content with another item: the same medium and the same text"
SOURCE = "equality of SHA-256 digests and of trimmed text"
KEY = ("item_id",)
SPARSE = True
OPTIONAL = ("item.sha256", "item.text")
# Without either there is nothing to compare: the measure is lacking, not empty.
ANY_OF = (("item.sha256", "item.text"),)
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "content": Column("VARCHAR", "the same value for items with the same content"),
    "kind": Column("VARCHAR", "file where a medium was compared, else text"),
    "characters": Column("BIGINT", "length of the text, NULL where a medium was compared", "code points"),
    "copies": Column("BIGINT", "items with this content"),
}
# An item with both a medium and a text (an image and a question about it) is a copy only if both are equal. The group-by runs over
# 64-bit hashes, which is 4x cheaper than over text; the few candidates are then compared by their full digest.
SQL = """
WITH coded AS MATERIALIZED (
  SELECT item_id, sha256, trim(text) AS words, hash(sha256, trim(text)) AS code
  FROM item
  WHERE sha256 IS NOT NULL OR trim(text) <> ''
), candidate AS (
  SELECT item_id, sha256, words
  FROM coded SEMI JOIN (SELECT code FROM coded GROUP BY code HAVING count(*) > 1) AS shared USING (code)
), digested AS (
  SELECT item_id, sha256(CAST(json_array(sha256, words) AS VARCHAR)) AS content,
         if(sha256 IS NULL, 'text', 'file') AS kind, if(sha256 IS NULL, length(words), NULL) AS characters
  FROM candidate
)
SELECT item_id, content, kind, characters, count(*) OVER (PARTITION BY content) AS copies
FROM digested
QUALIFY copies > 1
"""
