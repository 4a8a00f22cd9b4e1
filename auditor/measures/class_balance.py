"""How often each label is used, per task and split."""

from auditor.tables import Column

MEANING = "how often each label is used, per task, source and split"
SOURCE = "counts"
KEY = ("task", "source", "split", "label")
OPTIONAL = ("item",)
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "source": Column("VARCHAR", "human | model | rule | synthetic | gold"),
    "split": Column("VARCHAR", "the item's split, '' where it has none"),
    "label": Column("VARCHAR", "the class"),
    "annotations": Column("BIGINT", "annotations with this label"),
    "items": Column("BIGINT", "items with at least one of them"),
    "share": Column("DOUBLE", "annotations over all of the task, source and split", "0..1"),
}
SQL = """
WITH used AS (
  SELECT task, source, coalesce(split, '') AS split, label, count(*) AS annotations, count(DISTINCT item_id) AS items
  FROM annotation LEFT JOIN item USING (item_id)
  WHERE label IS NOT NULL
  GROUP BY ALL
)
SELECT task, source, split, label, annotations, items,
       annotations / sum(annotations) OVER (PARTITION BY task, source, split) AS share
FROM used
"""
