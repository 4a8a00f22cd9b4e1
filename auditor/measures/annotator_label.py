"""How each annotator uses each label, beside the others on the same items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import benjamini_hochberg
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = (
    "each annotator and label: how often it was given, and how much more often than by the majority of the others on the same items"
)
SOURCE = (
    "difference of paired shares and its variance: McNemar, Psychometrika 12, 1947; centred on the median annotator, since any one "
    "person gives rare labels more often than a majority does; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "annotator_id", "label")
EMPTY = "no task has labels that exclude each other and says who gave them"
READS = ("annotator_confusion", "vote_code", "vote_task")
PEER_VOTES = 20  # annotators with fewer compared votes do not count in the median
_FEW = f"fewer than 3 people have {PEER_VOTES} votes that can be compared"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "label": Column("VARCHAR", "the class"),
    "votes": Column("BIGINT", "votes of the annotator for the label"),
    "of_label": Column("BIGINT", "votes of all known annotators for the label"),
    "share_of_label": Column("DOUBLE", "the annotator's part of these", "0..1"),
    "share_of_task": Column("DOUBLE", "the annotator's part of all votes of the task", "0..1"),
    "annotators": Column("BIGINT", "known annotators of the task"),
    "compared": Column("BIGINT", "votes of the annotator on items where the others have a majority: n of the shift"),
    "given": Column("BIGINT", "of these, votes for the label"),
    "others": Column("BIGINT", "of these, items where the majority is for the label"),
    "shift": Column("DOUBLE", "(given - others) / compared", "-1..1", absent="no item has two votes"),
    "peer_shift": Column("DOUBLE", "median shift of the annotators with enough votes", "-1..1", absent=_FEW),
    "p": Column("DOUBLE", "two-sided p value of shift - peer_shift", "0..1", absent=_FEW),
    "q": Column("DOUBLE", "corrected over annotators and labels of the task", "0..1", absent=_FEW),
}
# Every annotator meets every label of the task only where there are votes to compare: one row for each label given or contradicted.
_QUERY = """
WITH cell AS (
  SELECT task_code, annotator, label AS code, sum(votes) FILTER (kind = 'all') AS votes,
         sum(votes) FILTER (kind = 'others') AS given,
         0 AS others, sum(votes) FILTER (kind = 'others' AND label = truth) AS same
  FROM annotator_confusion WHERE kind IN ('all', 'others') GROUP BY ALL
  UNION ALL
  SELECT task_code, annotator, truth, 0, 0, sum(votes), 0 FROM annotator_confusion WHERE kind = 'others' GROUP BY ALL
), merged AS (
  SELECT task_code, annotator, code, coalesce(sum(votes), 0) AS votes, coalesce(sum(given), 0) AS given,
         coalesce(sum(others), 0) AS others, coalesce(sum(same), 0) AS same
  FROM cell GROUP BY ALL
), counted AS (
  SELECT *, sum(votes) OVER (PARTITION BY task_code, code) AS of_label, sum(votes) OVER (PARTITION BY task_code) AS of_task,
         sum(votes) OVER (PARTITION BY task_code, annotator) AS own, sum(given) OVER (PARTITION BY task_code, annotator) AS compared
  FROM merged
)
SELECT t.task, a.text AS annotator_id, l.text AS label, CAST(c.votes AS BIGINT) AS votes, CAST(of_label AS BIGINT) AS of_label,
       if(of_label > 0, c.votes / of_label, NULL) AS share_of_label, own / of_task AS share_of_task, t.annotators,
       CAST(compared AS BIGINT) AS compared, CAST(given AS BIGINT) AS given, CAST(c.others AS BIGINT) AS others,
       CAST(given - same AS BIGINT) AS more, CAST(c.others - same AS BIGINT) AS fewer
FROM counted AS c JOIN vote_task AS t ON t.task_code = c.task_code AND t.exclusive AND NOT t.numeric
JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = annotator JOIN vote_code AS l ON l.kind = 'label' AND l.code = c.code
ORDER BY t.task, label, annotator_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare each annotator's use of each label with the others'.

    Args:
        inputs: the measures annotator_confusion, vote_code, vote_task.

    Returns:
        Arrow with `COLUMNS`; p and q are NULL where fewer than 3 annotators have enough votes.
    """
    import pyarrow as pa
    from scipy import special

    table = inputs.con.sql(_QUERY).to_arrow_table()
    n, more, fewer = (np.asarray(table[name].to_numpy(), dtype=np.float64) for name in ("compared", "more", "fewer"))
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (more - fewer) / n
        # One added to each count keeps the variance above 0 where annotator and majority never differ.
        error = np.sqrt((more + fewer + 2) / n**2 - (more - fewer) ** 2 / n**3)
    peer, p, q = (np.full(len(n), np.nan) for _ in range(3))
    if table.num_rows:
        task, label = (table[name].combine_chunks().dictionary_encode().indices.to_numpy() for name in ("task", "label"))
        runs = np.flatnonzero(np.diff(task, prepend=-1) | np.diff(label, prepend=-1))
        for start, end in zip(runs, [*runs[1:], len(n)], strict=True):
            enough = shift[start:end][n[start:end] >= PEER_VOTES]
            if len(enough) >= 3:
                peer[start:end] = np.median(enough)
        with np.errstate(invalid="ignore", divide="ignore"):
            p = 2 * special.ndtr(-np.abs(shift - peer) / error)
        for one in np.unique(task):
            q[task == one] = benjamini_hochberg(p[task == one])
    added = {"shift": shift, "peer_shift": peer, "p": p, "q": q}
    return pa.table({name: pa.array(added[name], from_pandas=True) if name in added else table[name] for name in COLUMNS})
