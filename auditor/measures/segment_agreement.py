"""How well annotators agree on who speaks when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._resample import ratios
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "seconds missed, added and confused between annotators of each task, pooled over items, and the diarization error rate"
SOURCE = (
    "diarization error: NIST RT-09 evaluation plan, section 6, pooled over items; bootstrap of items: Efron and Tibshirani 1993, "
    "chapter 13"
)
KEY = ("task", "annotator_a", "annotator_b")
READS = ("segment_pair",)
EMPTY = "no item has segments by two annotators"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_a": Column("VARCHAR", "the one taken as reference: whose id sorts first; NULL for all pairs together"),
    "annotator_b": Column("VARCHAR", "the other"),
    "items": Column("BIGINT", "items: the clusters of the interval"),
    "total": Column("DOUBLE", "the references' seconds", "seconds"),
    "missed": Column("DOUBLE", "seconds that the other has not", "seconds"),
    "added": Column("DOUBLE", "seconds that the reference has not", "seconds"),
    "confused": Column("DOUBLE", "seconds under labels that are not each other's", "seconds"),
    "overlap": Column("DOUBLE", "temporal IoU: seconds that both have / that one of them has, whatever the labels", "0..1"),
    "der": Column("DOUBLE", "(missed + added + confused) / total", "0.."),
    "der_low": Column("DOUBLE", "lower end of its 95 % interval; NULL for fewer than 10 items"),
    "der_high": Column("DOUBLE", "upper end"),
}
_QUERY = """
SELECT task, annotator_a, annotator_b, item_id, sum(total) AS total, sum(missed) AS missed, sum(added) AS added,
       sum(confused) AS confused
FROM (FROM segment_pair ORDER BY ALL)
GROUP BY GROUPING SETS ((task, annotator_a, annotator_b, item_id), (task, item_id))
ORDER BY task, annotator_a NULLS FIRST, annotator_b NULLS FIRST, item_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Pool the seconds of every pair of annotators and of all.

    Args:
        inputs: the measure segment_pair.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa

    rows = inputs.con.sql(_QUERY).to_arrow_table().combine_chunks()
    names = ("task", "annotator_a", "annotator_b")
    new = np.ones(rows.num_rows, np.bool_)
    if rows.num_rows:
        codes = [
            rows[name].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False) for name in names
        ]
        new[1:] = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    group, head = np.cumsum(new) - 1, np.flatnonzero(new)
    of = {name: np.asarray(np.round(rows[name].to_numpy(), 9), np.float64) for name in ("total", "missed", "added", "confused")}
    value, low, high = ratios(group, of["missed"] + of["added"] + of["confused"], of["total"], len(head), inputs.seed)
    sums = {name: np.round(np.bincount(group, values, len(head)), 9) for name, values in of.items()}
    both = (sums["total"] - sums["missed"]) / (sums["total"] + sums["added"])
    made: dict[str, object] = {**sums, "items": np.bincount(group, minlength=len(head)), "overlap": both}
    real = {"der": value, "der_low": low, "der_high": high}
    at = pa.array(head)
    made |= {name: pa.array(values, from_pandas=True) for name, values in real.items()}
    return pa.table({name: rows[name].take(at) if name in names else made[name] for name in COLUMNS})
