"""The longest run of one label that an annotator gave."""

from auditor.tables import Column

MEANING = "longest run of one label per annotator and task, and how likely the peers' labels would make one as long"
SOURCE = "union bound over the places where a run of independent draws can start: (n - run + 1) * share ^ run"
KEY = ("task_code", "annotator")
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "annotator": Column("INTEGER", "code of the annotator in vote_code"),
    "votes": Column("BIGINT", "votes of the annotator that can be ordered in time; all votes where there is one label only"),
    "run": Column("BIGINT", "longest run; NULL where time does not order the votes and there are several labels"),
    "label": Column("INTEGER", "code of its label, of equals the smallest"),
    "peer_share": Column("DOUBLE", "share of the label among the votes of the others on the task", "0..1"),
    "chance": Column("DOUBLE", "upper bound of the probability of such a run if the annotator drew labels like the others", "0..1"),
}
# Stored order is that of items, so runs need times; where half of an annotator's times are equal they order nothing.
# An annotator who gave a single label has one run in any order.
SQL = """
WITH timed AS MATERIALIZED (
  SELECT task, annotator, label, created_at, vote FROM vote
  WHERE first AND NOT several AND annotator IS NOT NULL AND created_at IS NOT NULL
), clock AS (
  SELECT task, annotator FROM timed GROUP BY ALL HAVING 2 * count(DISTINCT created_at) >= count(*)
), numbered AS (
  SELECT task, annotator, label, row_number() OVER (PARTITION BY task, annotator ORDER BY created_at, vote)
         - row_number() OVER (PARTITION BY task, annotator, label ORDER BY created_at, vote) AS island
  FROM timed SEMI JOIN clock USING (task, annotator)
), run AS (
  SELECT task, annotator, label, count(*) AS length FROM numbered GROUP BY task, annotator, label, island
), longest AS (
  SELECT task AS task_code, annotator, sum(length) AS votes, max(length) AS run, arg_min(label, (-length, label)) AS label
  FROM run GROUP BY task, annotator
), said AS (
  SELECT task_code, annotator, label, votes, sum(votes) OVER (PARTITION BY task_code, annotator) AS own,
         sum(votes) OVER (PARTITION BY task_code, label) AS of_label, sum(votes) OVER (PARTITION BY task_code) AS total,
         count(*) OVER (PARTITION BY task_code, annotator) AS labels
  FROM annotator_confusion WHERE kind = 'all'
), chosen AS (
  SELECT task_code, s.annotator, if(l.run IS NULL, s.own, l.votes) AS votes,
         coalesce(l.run, if(labels = 1, s.own, NULL)) AS run, if(l.run IS NOT NULL OR labels = 1, s.label, NULL) AS label,
         if(s.total > s.own, (of_label - s.votes) / (s.total - s.own), NULL) AS peer_share
  FROM said AS s LEFT JOIN longest AS l USING (task_code, annotator)
  QUALIFY row_number() OVER (PARTITION BY task_code, s.annotator ORDER BY l.label IS NOT NULL AND l.label <> s.label, s.label) = 1
)
SELECT task_code, annotator, votes, run, label, if(label IS NULL, NULL, peer_share) AS peer_share,
       if(peer_share IS NULL OR run IS NULL, NULL, least(1.0, (votes - run + 1) * pow(peer_share, run))) AS chance
FROM chosen
"""
