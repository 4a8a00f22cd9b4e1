"""Each annotator's numbers beside those of the others on the same items: how strict, and how much in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import Z95, benjamini_hochberg
from auditor.measures.item_rating import ANSWERS
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "each annotator of a task with numbers: mean difference from the others' mean on the same items, and correlation with it"
SOURCE = (
    "leave-one-out means; leniency as a rater effect: Saal, Downey, Lahey, Psychological Bulletin 88, 1980; robust z: Iglewicz and "
    "Hoaglin, How to Detect and Handle Outliers, 1993; correlation's interval: Fisher, Metron 1, 1921; Benjamini and Hochberg 1995"
)
KEY = ("task", "annotator_id")
READS = ("vote", "vote_code", "vote_task")
EMPTY = "no item has two numbers of people whose names are known"
PEER_VOTES = 20  # annotators with fewer numbers do not count among the peers
_FEW = f"fewer than 3 people have {PEER_VOTES} numbers that can be compared"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "compared": Column("BIGINT", "numbers given to items that others gave a number too: n of all that follows"),
    "mean": Column("DOUBLE", "mean of these"),
    "others": Column("DOUBLE", "mean of the others' means on the same items"),
    "shift": Column("DOUBLE", "mean - others: above 0 higher than the others, below 0 lower"),
    "low": Column("DOUBLE", "lower end of its 95 % interval; NULL for one number"),
    "high": Column("DOUBLE", "upper end"),
    "peer_shift": Column("DOUBLE", "median shift of the annotators with enough numbers", absent=_FEW),
    "z": Column("DOUBLE", "robust z of the shift among these annotators; NULL where most of them do not differ", absent=_FEW),
    "effect": Column(
        "DOUBLE", "shift - peer_shift, in standard deviations of one answer from the others' mean; NULL where they are 0"
    ),
    "p": Column("DOUBLE", "two-sided p value of shift - peer_shift", "0..1", absent=_FEW),
    "q": Column("DOUBLE", "corrected over the annotators of the task", "0..1", absent=_FEW),
    "distance": Column("DOUBLE", "mean absolute difference from the others' mean"),
    "peer_distance": Column("DOUBLE", "median of that over the annotators with enough numbers", absent=_FEW),
    "correlation": Column("DOUBLE", "with the others' mean; NULL where either never changes", "-1..1"),
    "correlation_low": Column("DOUBLE", "lower end of its 95 % interval", "-1..1"),
    "correlation_high": Column("DOUBLE", "upper end", "-1..1"),
    "peer_correlation": Column("DOUBLE", "median correlation of the annotators with enough numbers", "-1..1", absent=_FEW),
    "correlation_p": Column("DOUBLE", "one-sided p value of correlation < peer_correlation", "0..1", absent=_FEW),
    "correlation_q": Column("DOUBLE", "corrected over the annotators of the task", "0..1", absent=_FEW),
}
# Rounded, so that no digit depends on the order in which threads add.
_QUERY = f"""
WITH answer AS ({ANSWERS}), item AS (
  SELECT task, item, count(*) AS n, sum(value) AS total FROM answer GROUP BY task, item HAVING count(*) > 1
), pair AS (
  SELECT task, annotator, value, (total - value) / (n - 1) AS other FROM answer JOIN item USING (task, item)
  WHERE annotator IS NOT NULL
), person AS (
  SELECT task AS task_code, annotator, count(*) AS compared, round(avg(value), 9) AS mean, round(avg(other), 9) AS others,
         round(avg(value - other), 9) AS shift, round(stddev_samp(value - other), 9) AS scatter,
         round(avg(abs(value - other)), 9) AS distance, round(corr(value, other), 9) AS correlation
  FROM pair GROUP BY task, annotator
)
SELECT t.task, a.text AS annotator_id, compared, mean, others, shift, scatter, distance,
       if(isfinite(correlation), correlation, NULL) AS correlation
FROM person JOIN vote_task AS t USING (task_code) JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = annotator
ORDER BY t.task, annotator_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare each annotator's numbers with the mean of the others' on the same items.

    Args:
        inputs: the measures vote, vote_code, vote_task.

    Returns:
        Arrow with `COLUMNS`; peers, z, effect, p and q are NULL where fewer than 3 annotators have enough numbers.
    """
    import pyarrow as pa
    from scipy import special

    table = inputs.con.sql(_QUERY).to_arrow_table()
    names = ("compared", "shift", "scatter", "distance", "correlation")
    n, shift, scatter, distance, correlation = (np.asarray(table[name].to_numpy(), np.float64) for name in names)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = scatter / np.sqrt(n)
        half = special.stdtrit(n - 1, 0.975) * error
        # A correlation of 1 has no Fisher transform; seven digits are more than any rating carries.
        fisher = np.arctanh(np.clip(correlation, -1 + 1e-7, 1 - 1e-7))
        width = np.where(n > 3, Z95 / np.sqrt(n - 3), np.nan)
    added = {
        "low": shift - half, "high": shift + half,
        "correlation_low": np.tanh(fisher - width), "correlation_high": np.tanh(fisher + width),
    }  # fmt: skip
    peers = ("peer_shift", "z", "effect", "p", "q", "peer_distance", "peer_correlation", "correlation_p", "correlation_q")
    added |= {name: np.full(len(n), np.nan) for name in peers}
    tasks = table["task"].combine_chunks().dictionary_encode().indices.to_numpy() if table.num_rows else np.empty(0, np.int64)
    for task in np.unique(tasks):
        mine = np.flatnonzero(tasks == task)
        enough = mine[n[mine] >= PEER_VOTES]
        if len(enough) < 3:
            continue
        peer = np.median(shift[enough])
        spread = 1.4826 * np.median(np.abs(shift[enough] - peer))
        known = enough[np.isfinite(fisher[enough])]
        gap = shift[mine] - peer
        with np.errstate(invalid="ignore", divide="ignore"):
            added["z"][mine] = gap / spread
            added["effect"][mine] = gap / np.median(scatter[enough])
            added["p"][mine] = np.where(gap == 0, 1.0, 2 * special.stdtr(n[mine] - 1, -np.abs(gap / error[mine])))
        added["peer_shift"][mine] = peer
        added["peer_distance"][mine] = np.median(distance[enough])
        added["q"][mine] = benjamini_hochberg(added["p"][mine])
        if len(known) >= 3:
            middle = np.median(fisher[known])
            added["peer_correlation"][mine] = np.tanh(middle)
            with np.errstate(invalid="ignore"):
                steps = (fisher[mine] - middle) * np.where(n[mine] > 3, np.sqrt(np.maximum(n[mine] - 3, 0)), np.nan)
            added["correlation_p"][mine] = special.ndtr(steps)
            added["correlation_q"][mine] = benjamini_hochberg(added["correlation_p"][mine])
    finite = {name: np.where(np.isfinite(values), values, np.nan) for name, values in added.items()}
    return pa.table({name: pa.array(finite[name], from_pandas=True) if name in finite else table[name] for name in COLUMNS})
