"""How well annotators agree on spans of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.measures import _objects
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "agreement on spans of each task, pair of annotators and label: F1 of exact, overlapping and equally labelled spans"
SOURCE = (
    "strict, exact, partial and type of SemEval-2013 task 9 (Segura-Bedmar et al., section 3.2), as F1 between two annotators "
    "(Hripcsak and Rothschild, JAMIA 12, 2005); bootstrap of items: Efron and Tibshirani 1993, chapter 13"
)
KEY = ("task", "annotator_a", "annotator_b", "label")
READS = ("object_match",)
EMPTY = "no item has spans, and two annotators"
_SUMS = {
    "strict": "count(*) FILTER (iou = 1 AND same)",
    "bounds": "count(*) FILTER (iou = 1)",
    "touched": "count(*) FILTER (iou = 1) + 0.5 * count(*) FILTER (iou > 0 AND iou < 1)",
    "typed": "count(*) FILTER (iou > 0 AND same)",
}
_OF = {
    "f1_exact": ("strict", "objects"), "f1_boundary": ("bounds", "objects"), "f1_partial": ("touched", "objects"),
    "f1_type": ("typed", "objects"),
}  # fmt: skip
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_a": Column("VARCHAR", "one annotator; NULL for all pairs together"),
    "annotator_b": Column("VARCHAR", "the other; their order does not matter"),
    "label": Column("VARCHAR", "the spans of this label; NULL for all labels together"),
    "items": Column("BIGINT", "items: the clusters of the intervals"),
    "objects": Column("BIGINT", "spans of both, of all pairs a span counts once for each"),
    "f1_exact": Column("DOUBLE", "F1 of spans with equal ends and equal labels", "0..1"),
    "f1_exact_low": Column("DOUBLE", "lower end of its 95 % interval; NULL for fewer than 10 items", "0..1"),
    "f1_exact_high": Column("DOUBLE", "upper end", "0..1"),
    "f1_boundary": Column("DOUBLE", "F1 of spans with equal ends, whatever their labels", "0..1"),
    "f1_partial": Column("DOUBLE", "F1 of overlapping spans, whatever their labels; those with other ends count half", "0..1"),
    "f1_type": Column("DOUBLE", "F1 of overlapping spans with equal labels", "0..1"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Average over the spans of both annotators of each pair.

    Args:
        inputs: the measure object_match.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa

    made = _objects.agreed(inputs.con, "span", _SUMS, _OF, inputs.seed)
    return pa.table({name: made[name] for name in COLUMNS})
