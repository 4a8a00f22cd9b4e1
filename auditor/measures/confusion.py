"""Which labels are given for one another."""

from auditor.tables import Column

MEANING = "pairs of labels that different people gave to one item, and labels given against gold"
SOURCE = "counts; pairs of votes within an item as in Krippendorff's coincidences, without weights"
KEY = ("task", "kind", "label_a", "label_b")
SPARSE = True
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "kind": Column("VARCHAR", "annotators: unordered pairs of votes on one item | gold: label_a was given, label_b is gold"),
    "label_a": Column("VARCHAR", "a label; of annotators the first in the alphabet"),
    "label_b": Column("VARCHAR", "another label"),
    "pairs": Column("BIGINT", "pairs of votes, or votes"),
    "items": Column("BIGINT", "items with such a pair; NULL for gold"),
    "share": Column("DOUBLE", "pairs over all pairs of the task and kind that differ", "0..1"),
}
SQL = """
WITH pair AS (
  SELECT a.task_code, 'annotators' AS kind, a.label AS one, b.label AS other,
         sum(a.votes * b.votes * a.items) AS pairs, sum(a.items) AS items
  FROM vote_pattern AS a JOIN vote_pattern AS b ON a.task_code = b.task_code AND a.pattern = b.pattern AND a.label < b.label
  GROUP BY ALL
  UNION ALL
  SELECT v.task, 'gold', label, gold, count(*), NULL
  FROM vote AS v JOIN vote_task AS t ON t.task_code = v.task AND (t.exclusive OR t.numeric)
  WHERE first AND NOT v.several AND label <> gold
  GROUP BY v.task, label, gold
)
SELECT t.task, pair.kind, a.text AS label_a, b.text AS label_b, pairs, items,
       pairs / sum(pairs) OVER (PARTITION BY t.task, pair.kind) AS share
FROM pair JOIN vote_task AS t USING (task_code)
JOIN vote_code AS a ON a.kind = 'label' AND a.code = one JOIN vote_code AS b ON b.kind = 'label' AND b.code = other
"""
