"""How well annotators agree on boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.measures import _objects
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "agreement on boxes of each task, pair of annotators and label: F1, panoptic quality, overlap, labels of the matched"
SOURCE = (
    "F1 over thresholds of IoU as COCO (Lin et al., ECCV 2014); panoptic quality: Kirillov et al., CVPR 2019; specific agreement: "
    "Cicchetti and Feinstein, J. Clin. Epidemiol. 43, 1990; bootstrap of items: Efron and Tibshirani 1993, chapter 13"
)
KEY = ("task", "annotator_a", "annotator_b", "label")
READS = ("object_match",)
EMPTY = "no item has boxes, and two annotators"
_SUMS = {
    "matched": "count(*) FILTER (iou >= 0.5) / 2",
    "near": "count(*) FILTER (iou >= 0.5)",
    "overlap": "coalesce(sum(iou) FILTER (iou >= 0.5), 0)",
    "alike": "count(*) FILTER (iou >= 0.5 AND same)",
    "steps": "coalesce(sum(least(floor(round((iou - 0.5) * 20, 9)) + 1, 10) / 10) FILTER (iou >= 0.5 AND same), 0)",
    "quality": "coalesce(sum(iou) FILTER (iou > 0.5 AND same), 0)",
}
_OF = {
    "mean_iou": ("overlap", "near"), "label_agreement": ("alike", "near"), "f1_50": ("alike", "objects"),
    "f1": ("steps", "objects"), "panoptic_quality": ("quality", "objects"),
}  # fmt: skip
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_a": Column("VARCHAR", "one annotator; NULL for all pairs together"),
    "annotator_b": Column("VARCHAR", "the other; their order does not matter"),
    "label": Column("VARCHAR", "the boxes of this label; NULL for all labels together"),
    "items": Column("BIGINT", "items: the clusters of the intervals"),
    "objects": Column("BIGINT", "boxes of both, of all pairs a box counts once for each"),
    "matched": Column("DOUBLE", "pairs of boxes with IoU of at least 0.5, whatever their labels; of one label half for each end"),
    "unmatched": Column("DOUBLE", "boxes without such a counterpart"),
    "mean_iou": Column("DOUBLE", "mean IoU of the matched", "0.5..1"),
    "label_agreement": Column("DOUBLE", "share of matched boxes whose counterpart has the same label", "0..1"),
    "f1_50": Column("DOUBLE", "F1 at IoU 0.5 and equal labels", "0..1"),
    "f1_50_low": Column("DOUBLE", "lower end of its 95 % interval; NULL for fewer than 10 items", "0..1"),
    "f1_50_high": Column("DOUBLE", "upper end", "0..1"),
    "f1": Column("DOUBLE", "mean of F1 at IoU 0.5, 0.55, … 0.95, each of the one matching", "0..1"),
    "f1_low": Column("DOUBLE", "lower end of its 95 % interval", "0..1"),
    "f1_high": Column("DOUBLE", "upper end", "0..1"),
    "panoptic_quality": Column("DOUBLE", "sum of IoU over matches with equal labels, over half the boxes of both", "0..1"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Average over the boxes of both annotators of each pair.

    Args:
        inputs: the measure object_match.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    made = _objects.agreed(inputs.con, "box", _SUMS, _OF, inputs.seed)
    made["unmatched"] = pc.subtract(made["objects"], made["near"])
    return pa.table({name: made[name] for name in COLUMNS})
