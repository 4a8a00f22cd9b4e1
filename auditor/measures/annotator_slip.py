"""How often each annotator gives one class where the others agree on another, beside how often everybody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import benjamini_hochberg, wilson
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "each annotator and pair of classes: how often one is given where the majority of the others says the other"
SOURCE = (
    "rows of the individual error matrix of Dawid and Skene, Applied Statistics 28, 1979, against the leave-one-out majority; "
    "two-proportion score test with pooled variance; Wilson, JASA 22, 1927; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "annotator_id", "truth", "label")
SPARSE = True
READS = ("annotator_confusion", "vote_code", "vote_task")
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "truth": Column("VARCHAR", "the label on which the majority of the others agrees"),
    "label": Column("VARCHAR", "the other label that the annotator gave"),
    "n": Column("BIGINT", "votes of the annotator where the others say truth"),
    "x": Column("BIGINT", "of these, votes for label"),
    "rate": Column("DOUBLE", "x / n", "0..1"),
    "low": Column("DOUBLE", "lower end of its 95 % Wilson interval", "0..1"),
    "high": Column("DOUBLE", "upper end", "0..1"),
    "peer_n": Column("BIGINT", "votes of all other known annotators where the others say truth"),
    "peer_rate": Column("DOUBLE", "how often these are for label; NULL where there are none", "0..1"),
    "p": Column("DOUBLE", "one-sided p value of rate > peer_rate", "0..1"),
    "q": Column("DOUBLE", "corrected over the annotators and pairs of labels of the task", "0..1"),
}
# Only slips that happened have a row: annotators x labels, not annotators x labels squared.
_QUERY = """
WITH held AS (
  SELECT task_code, annotator, label, truth, votes FROM annotator_confusion WHERE kind = 'others'
), own AS (
  SELECT task_code, annotator, truth, CAST(sum(votes) AS BIGINT) AS n FROM held GROUP BY task_code, annotator, truth
), everyone AS (
  SELECT task_code, truth, CAST(sum(n) AS BIGINT) AS n FROM own GROUP BY task_code, truth
), given AS (
  SELECT task_code, truth, label, CAST(sum(votes) AS BIGINT) AS x FROM held GROUP BY task_code, truth, label
)
SELECT t.task, a.text AS annotator_id, tr.text AS truth, l.text AS label, own.n, held.votes AS x,
       everyone.n - own.n AS peer_n, given.x - held.votes AS peer_x
FROM held JOIN own USING (task_code, annotator, truth) JOIN everyone USING (task_code, truth)
JOIN given USING (task_code, truth, label)
JOIN vote_task AS t ON t.task_code = held.task_code AND t.exclusive AND NOT t.numeric
JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = held.annotator
JOIN vote_code AS l ON l.kind = 'label' AND l.code = held.label
JOIN vote_code AS tr ON tr.kind = 'label' AND tr.code = held.truth
WHERE held.label <> held.truth
ORDER BY t.task, annotator_id, truth, label
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare every annotator's slips with those of the others.

    Args:
        inputs: the measures annotator_confusion, vote_code, vote_task.

    Returns:
        Arrow with `COLUMNS`, one row for each annotator, majority label and other label that the annotator gave at least once.
    """
    import pyarrow as pa

    table = inputs.con.sql(_QUERY).to_arrow_table()
    n, x, peer_n, peer_x = (np.asarray(table[name].to_numpy(), np.float64) for name in ("n", "x", "peer_n", "peer_x"))
    low, high = wilson(x, n)
    p = higher(x, n, peer_x, peer_n)
    q = np.full(len(p), np.nan)
    if table.num_rows:
        tasks = table["task"].combine_chunks().dictionary_encode().indices.to_numpy()
        for one in np.unique(tasks):
            q[tasks == one] = benjamini_hochberg(p[tasks == one])
    with np.errstate(invalid="ignore", divide="ignore"):
        added = {"rate": x / n, "low": low, "high": high, "peer_rate": peer_x / peer_n, "p": p, "q": q}
    return pa.table({name: pa.array(added[name], from_pandas=True) if name in added else table[name] for name in COLUMNS})


def higher(x: np.ndarray, n: np.ndarray, peer_x: np.ndarray, peer_n: np.ndarray) -> np.ndarray:
    """One-sided p value that x of n is a higher rate than peer_x of peer_n (score test, pooled variance).

    Args:
        x: hits, shape (k,).
        n: trials, shape (k,).
        peer_x: hits of the others, shape (k,).
        peer_n: their trials, shape (k,).

    Returns:
        p values of shape (k,), 0..1; NaN where one side has no trials or nobody or everybody hits.

    >>> higher(np.array([15.0]), np.array([100.0]), np.array([5.0]), np.array([100.0])).round(4).tolist()
    [0.0092]
    """
    from scipy import special

    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (x + peer_x) / (n + peer_n)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / peer_n))
        z = (x / n - peer_x / peer_n) / error
    return np.asarray(np.where(error > 0, special.ndtr(-z), np.nan), np.float64)
