"""What each annotator gave where the others, or the gold, say something."""

from auditor.tables import Column

MEANING = "labels that each annotator gave, against the majority of the others and against gold"
SOURCE = "counts; the majority leaves the annotator's own vote out"
KEY = ("task_code", "annotator", "kind", "label", "truth")
EMPTY = "no vote says who gave it"
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "annotator": Column("INTEGER", "code of the annotator in vote_code", needs="annotation.annotator_id"),
    "kind": Column("VARCHAR", "others: majority of the other votes | gold | all: every vote, truth is -1"),
    "label": Column("INTEGER", "code of the label given"),
    "truth": Column("INTEGER", "code of the label it is held against, or -1"),
    "votes": Column("BIGINT", "how many"),
}
# One pass over the votes; the three kinds are sums of its small result.
SQL = """
WITH given AS MATERIALIZED (
  SELECT task AS task_code, annotator, label, others, gold, count(*) AS votes
  FROM vote WHERE first AND NOT several AND annotator IS NOT NULL
  GROUP BY ALL
)
SELECT task_code, annotator, 'all' AS kind, label, -1 AS truth, CAST(sum(votes) AS BIGINT) AS votes FROM given GROUP BY ALL
UNION ALL
SELECT task_code, annotator, 'others', label, others, CAST(sum(votes) AS BIGINT) FROM given WHERE others IS NOT NULL GROUP BY ALL
UNION ALL
SELECT task_code, annotator, 'gold', label, gold, CAST(sum(votes) AS BIGINT) FROM given WHERE gold IS NOT NULL GROUP BY ALL
"""
