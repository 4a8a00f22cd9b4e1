"""The integer codes of tasks, labels and annotators that `vote` uses, and the way back to their text."""

from auditor.tables import Column

MEANING = "integer codes of tasks, labels, numbers given and annotators"
SOURCE = "dense ranks in the order of the text"
KEY = ("kind", "code")
OPTIONAL = ("annotator", "annotation.label", "annotation.value")
ANY_OF = (("annotation.label", "annotation.value"),)
COLUMNS = {
    "kind": Column("VARCHAR", "task | label | annotator"),
    "code": Column("INTEGER", "0, 1, … in the order of the text; numbers given are labels too, after all text", "0.."),
    "text": Column("VARCHAR", "the text that the code stands for; of a number its shortest spelling"),
    "value": Column("DOUBLE", "the number, where the code stands for one", absent="no answer is a number"),
}
SQL = """
WITH said AS (
  SELECT 'task' AS kind, task AS text, CAST(NULL AS DOUBLE) AS value FROM annotation WHERE task IS NOT NULL GROUP BY task
  UNION ALL
  SELECT 'label', label, NULL FROM annotation WHERE label IS NOT NULL AND type IN ('class', 'value') GROUP BY label
  UNION ALL
  SELECT 'label', NULL, value FROM annotation WHERE label IS NULL AND isfinite(value) AND type IN ('class', 'value') GROUP BY value
  UNION ALL
  SELECT 'annotator', annotator_id, NULL FROM annotator
)
SELECT kind, row_number() OVER (PARTITION BY kind ORDER BY value IS NOT NULL, text, value) - 1 AS code,
       CASE WHEN value IS NULL THEN text WHEN value = trunc(value) AND abs(value) < 1e15 THEN CAST(CAST(value AS BIGINT) AS VARCHAR)
            ELSE CAST(value AS VARCHAR) END AS text,
       value
FROM said
"""
