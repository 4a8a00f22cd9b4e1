"""The different ways in which people voted on an item, and on how many items each occurs."""

from auditor.tables import Column

MEANING = "distinct multisets of votes of exclusive and numeric tasks, and the items on which each occurs"
SOURCE = "counts: agreement, confusion and their bootstrap need no more than these"
KEY = ("task_code", "pattern", "label")
EMPTY = "no task has labels that exclude each other, or numbers"
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "pattern": Column("UBIGINT", "code of the multiset"),
    "label": Column("INTEGER", "code of a label in it"),
    "votes": Column("INTEGER", "votes for the label on each such item"),
    "items": Column("BIGINT", "items with this multiset"),
}
SQL = """
WITH seen AS MATERIALIZED (
  SELECT i.task_code, pattern, min(item) AS item, count(*) AS items
  FROM item_vote AS i JOIN vote_task AS t ON t.task_code = i.task_code AND (t.exclusive OR t.numeric)
  WHERE i.votes > 0
  GROUP BY i.task_code, pattern
)
SELECT seen.task_code, pattern, label, count(*) AS votes, any_value(items) AS items
FROM vote JOIN seen ON vote.item = seen.item AND vote.task = seen.task_code
WHERE first AND NOT several
GROUP BY seen.task_code, pattern, label
"""
