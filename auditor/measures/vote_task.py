"""What kind of question each task is, told from its votes and the ontology."""

from auditor.tables import Column

MEANING = "tasks with class or value annotations: how many answers, and whether one label excludes the others"
SOURCE = "the ontology where it speaks; else exclusive if at most 1 in 20 people who answered an item gave it several labels"
KEY = ("task_code",)
OPTIONAL = ("ontology",)
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "task": Column("VARCHAR", "the question asked"),
    "exclusive": Column("BOOLEAN", "an item has one label of this task"),
    "numeric": Column("BOOLEAN", "its answers are numbers"),
    "answered": Column("BIGINT", "pairs of an item and a human who answered it"),
    "several": Column("BIGINT", "pairs with several different answers"),
    "votes": Column("BIGINT", "pairs with one answer"),
    "annotators": Column("BIGINT", "known people who answered"),
    "seconds": Column("BIGINT", "answers with a time spent"),
}
SQL = """
WITH asked AS (
  SELECT task, count(*) FILTER (first) AS answered, count(*) FILTER (first AND several) AS several,
         count(DISTINCT annotator) FILTER (source = 0) AS annotators, count(seconds) FILTER (source = 0) AS seconds,
         max(label) AS highest
  FROM vote GROUP BY task
), declared AS (
  SELECT task, bool_and(exclusive) AS exclusive FROM ontology GROUP BY task
), number AS (
  SELECT min(code) AS lowest FROM vote_code WHERE kind = 'label' AND value IS NOT NULL
)
SELECT asked.task AS task_code, text AS task, coalesce(declared.exclusive, several <= 0.05 * answered) AS exclusive,
       coalesce(highest >= lowest, false) AS numeric, answered, several, answered - several AS votes, annotators, seconds
FROM asked JOIN vote_code ON kind = 'task' AND code = asked.task LEFT JOIN declared ON declared.task = text CROSS JOIN number
"""
