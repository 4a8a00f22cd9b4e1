"""Whether annotators pick the option that stands first, where the source says which place the chosen one had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import benjamini_hochberg, wilson
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = (
    "how often each annotator chose the option shown first, where annotation.attributes holds the place (position, and options)"
)
SOURCE = (
    "score test of a share against the other annotators' (Wilson, JASA 22, 1927); order effects: Krosnick and Alwin, Public "
    "Opinion Quarterly 51, 1987; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "annotator_id")
EMPTY = "no annotation has the attribute position"
READS = ("annotation.attributes", "annotation.task", "annotation.annotator_id", "annotation.source")
MIN_N = 30  # answers below which no p value is given
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "n": Column("BIGINT", "answers with a place"),
    "options": Column("DOUBLE", "mean number of options: the attribute options, else the highest place of the task"),
    "first": Column("BIGINT", "answers for the option shown first (place 1)"),
    "share": Column("DOUBLE", "first over n", "0..1"),
    "low": Column("DOUBLE", "lower end of its 95 % Wilson interval", "0..1"),
    "high": Column("DOUBLE", "upper end", "0..1"),
    "chance": Column("DOUBLE", "share that one without a preference has, were the options shuffled", "0..1"),
    "peer_share": Column("DOUBLE", "share of all other annotators together; NULL without others", "0..1"),
    "p": Column("DOUBLE", f"two-sided p value of share against the larger of chance and peer_share; NULL for n < {MIN_N}", "0..1"),
    "q": Column("DOUBLE", "corrected over the annotators of the task", "0..1"),
}
_QUERY = """
WITH shown AS (
  SELECT task, annotator_id, TRY_CAST(attributes['position'] AS INTEGER) AS position, TRY_CAST(attributes['options'] AS INTEGER) AS
  options FROM annotation WHERE source = 'human' AND annotator_id IS NOT NULL AND attributes IS NOT NULL
), sized AS (
  SELECT *, coalesce(options, max(position) OVER (PARTITION BY task)) AS places FROM shown WHERE position >= 1
)
SELECT task, annotator_id, count(*) AS n, avg(places) AS options, count(*) FILTER (position = 1) AS first,
       sum(1 / places) / count(*) AS chance
FROM sized WHERE places > 1 AND position <= places GROUP BY task, annotator_id ORDER BY task, annotator_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare each annotator's first choices with chance and with the others.

    Args:
        inputs: the table annotation, whose attributes position (1 is first) and options are read.

    Returns:
        Arrow with `COLUMNS`. It tells a habit from a preference for a label only if the options were shuffled.
    """
    import pyarrow as pa
    from scipy import special

    table = inputs.con.sql(_QUERY).to_arrow_table()
    n, first, chance = (np.asarray(table[name].to_numpy(), np.float64) for name in ("n", "first", "chance"))
    tasks = table["task"].combine_chunks().dictionary_encode().indices.to_numpy() if table.num_rows else np.empty(0, np.int64)
    low, high = wilson(first, n)
    size = int(tasks.max(initial=-1)) + 1
    rest, hits = np.bincount(tasks, n, size)[tasks] - n, np.bincount(tasks, first, size)[tasks] - first
    with np.errstate(invalid="ignore", divide="ignore"):
        peer = np.where(rest > 0, hits / rest, np.nan)
        due = np.fmax(chance, peer)
        # The others' share is itself an estimate.
        error = np.sqrt(due * (1 - due) * (1 / n + np.where(peer >= chance, 1 / rest, 0)))
        p = np.where((n >= MIN_N) & (error > 0), 2 * special.ndtr(-np.abs(first / n - due) / error), np.nan)
    q = np.full(len(p), np.nan)
    for task in range(size):
        q[tasks == task] = benjamini_hochberg(p[tasks == task])
    added = {"share": first / np.maximum(n, 1), "low": low, "high": high, "peer_share": peer, "p": p, "q": q}
    return pa.table({name: pa.array(added[name], from_pandas=True) if name in added else table[name] for name in COLUMNS})
