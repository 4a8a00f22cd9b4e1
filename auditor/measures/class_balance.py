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
WITH said AS (
  -- one row for each item first: cheaper than DISTINCT, and fewer rows to look up
  SELECT item_id, task, source, label, count(*) AS n FROM annotation WHERE label IS NOT NULL GROUP BY ALL
), used AS (
  SELECT task, source, coalesce(split, '') AS split, label, CAST(sum(n) AS BIGINT) AS annotations, count(*) AS items
  FROM said LEFT JOIN item USING (item_id)
  GROUP BY ALL
)
SELECT task, source, split, label, annotations, items,
       annotations / sum(annotations) OVER (PARTITION BY task, source, split) AS share
FROM used
"""
