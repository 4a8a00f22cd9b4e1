"""How well each given label fits a model's out-of-sample probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Floats = npt.NDArray[np.float32]

MEANING = "self-confidence, margin and confident-learning class of each human class annotation that has a prediction"
SOURCE = (
    "Northcutt, Jiang, Chuang, Confident Learning, JAIR 70, 2021, section 3.1 (thresholds, confident joint); "
    "normalised margin: Kuan and Mueller, Model-agnostic label quality scoring, ICML DataPerf 2022"
)
KEY = ("annotation_id", "model")
READS = ("annotation.label", "prediction", "model")
OPTIONAL = ("annotation.annotator_id", "prediction.fold")
EMPTY = "no labelled item has probabilities that can be used"
_STRANGE = "no label is one of the model's classes"
COLUMNS = {
    "annotation_id": Column("VARCHAR", "the annotation"),
    "model": Column("VARCHAR", "whose probabilities"),
    "item_id": Column("VARCHAR", "the item"),
    "annotator_id": Column("VARCHAR", "who gave the label", needs="annotation.annotator_id"),
    "task": Column("VARCHAR", "the question asked"),
    "label": Column("VARCHAR", "the label given"),
    "known": Column("BOOLEAN", "the label is one of the model's classes; if not, all numbers of the label are NULL"),
    "self_confidence": Column("FLOAT", "probability of the given label", "0..1", absent=_STRANGE),
    "margin": Column("FLOAT", "normalised margin: (probability of the label - largest other + 1) / 2", "0..1"),
    "score": Column("FLOAT", "quality of the label, low is suspicious: the self-confidence", "0..1"),
    "predicted": Column("VARCHAR", "the most probable class"),
    "predicted_confidence": Column("FLOAT", "its probability", "0..1"),
    "confident": Column("VARCHAR", "the most probable among classes above their threshold; NULL where none is"),
    "confident_threshold": Column("FLOAT", "mean probability of that class over the annotations labelled so", "0..1"),
    "suspicious": Column(
        "BOOLEAN", "confident learning puts it off the diagonal: confident is not the given label", absent=_STRANGE
    ),
    "rank": Column("BIGINT", "1 for the lowest normalised margin of the model and task, equals by annotation_id"),
}
_BATCH = 1 << 22  # probabilities held at once, 16 MB as float32
_PAIRS = """
SELECT a.annotation_id, a.item_id, a.annotator_id, a.label, coalesce(list_position($classes, a.label), 0) - 1 AS given, p.probs
FROM prediction AS p
JOIN (SELECT annotation_id, item_id, annotator_id, label FROM annotation
      WHERE type = 'class' AND source = 'human' AND label IS NOT NULL AND task = $task) AS a ON a.item_id = p.item_id
WHERE p.task = $task AND p.model = $model AND len(p.probs) = $width
"""


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Score labels against each model's probabilities, in two passes that hold some thousand rows at a time.

    Rows of probabilities are brought to sum 1; rows of the wrong length, with NaN, or without a positive sum are left out
    (`prediction_invalid` finds them). With several annotators per item each annotation is scored, and thresholds are means over
    annotations.

    Args:
        inputs: the tables annotation, prediction, model.

    Returns:
        Arrow with `COLUMNS` (rank is added there), streamed.
    """
    con = inputs.con.cursor()
    models = con.sql("SELECT model, task, classes FROM model WHERE len(classes) > 1 ORDER BY model, task").fetchall()
    con.execute(
        "CREATE TEMP TABLE scored (" + ", ".join(f'"{name}" {spec.type}' for name, spec in COLUMNS.items() if name != "rank") + ")"
    )
    for model, task, classes in models:
        _score(inputs, con, model, task, classes)
    return con.sql(
        "SELECT *, if(known, row_number() OVER (PARTITION BY model, task, known ORDER BY margin, annotation_id), NULL) AS rank "
        "FROM scored"
    ).to_arrow_reader(1 << 16)


def _score(inputs: Inputs, con: Any, model: str, task: str, classes: list[str]) -> None:
    import pyarrow as pa

    width = len(classes)
    params = {"classes": classes, "task": task, "model": model, "width": width}
    total, number = np.zeros(width), np.zeros(width)
    for _, given, probs in _batches(con, params):
        known = given >= 0
        total += np.bincount(given[known], probs[known, given[known]].astype(np.float64), width)
        number += np.bincount(given[known], minlength=width)
    # A class that nobody gave has no threshold: nothing is confidently of it.
    threshold = np.divide(total, number, out=np.full(width, np.inf), where=number > 0)
    names = pa.array(classes, pa.string())
    done = 0
    for batch, given, probs in _batches(con, params):
        found = judge(probs, given, threshold)
        known = given >= 0
        unknown = ~known
        confident = pa.array(found["confident"], mask=found["confident"] < 0)
        limit = np.append(threshold, np.nan)[found["confident"]]
        rows = pa.table({
            "annotation_id": batch["annotation_id"], "model": pa.array([model] * len(given)), "item_id": batch["item_id"],
            "annotator_id": batch["annotator_id"], "task": pa.array([task] * len(given)), "label": batch["label"], "known": known,
            "self_confidence": pa.array(found["self_confidence"], mask=unknown), "margin": pa.array(found["margin"], mask=unknown),
            "score": pa.array(found["self_confidence"], mask=unknown), "predicted": names.take(pa.array(found["predicted"])),
            "predicted_confidence": found["predicted_confidence"], "confident": names.take(confident),
            "confident_threshold": pa.array(limit, mask=np.isnan(limit)),
            "suspicious": pa.array(known & (found["confident"] >= 0) & (found["confident"] != given), mask=unknown),
        })  # fmt: skip
        con.register("part", rows)
        con.execute("INSERT INTO scored FROM part")
        con.unregister("part")
        done += len(given)
        inputs.progress("scoring labels", done, int(number.sum()))


def _batches(con: Any, params: dict[str, Any]) -> Iterator[tuple[Any, npt.NDArray[np.int64], Floats]]:
    """Batches with the given class (-1 for none of the model's) and probabilities, shape (n, classes), each row of sum 1."""
    import pyarrow as pa

    width = params["width"]
    rows = max(1, _BATCH // width)
    for read in con.cursor().sql(_PAIRS, params=params).to_arrow_reader(rows):
        lists = read["probs"]
        flat = lists.flatten()
        probs = np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(-1, width)
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = probs.sum(axis=1)
            good = np.isfinite(scale) & (scale > 0) & (probs.min(axis=1) >= 0)
        batch, given = read, np.asarray(read["given"].to_numpy(zero_copy_only=False), dtype=np.int64)
        if not good.all():
            batch, given, probs, scale = read.filter(pa.array(good)), given[good], probs[good], scale[good]
        if len(given):
            yield batch, given, probs / scale[:, None]


def judge(probs: Floats, given: npt.NDArray[np.int64], threshold: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
    """Score labels.

    Args:
        probs: probabilities, shape (n, classes), rows of sum 1.
        given: the given class, shape (n,); -1 for one the model does not know.
        threshold: mean self-confidence of each class, shape (classes,).

    Returns:
        self_confidence, margin, predicted (class), predicted_confidence and confident (class or -1), each of shape (n,).

    >>> found = judge(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.array([1, 1]), np.array([0.8, 0.5]))
    >>> found["confident"].tolist(), found["margin"].round(2).tolist()
    ([0, 1], [0.10000000149011612, 0.800000011920929])
    """
    row = np.arange(len(given))
    at = np.maximum(given, 0)
    own = probs[row, at]
    predicted = probs.argmax(axis=1)
    best = probs[row, predicted]
    others = probs.copy()
    others[row, at] = -1
    above = np.where(probs >= threshold.astype(np.float32), probs, np.float32(-1))
    confident = above.argmax(axis=1)
    confident = np.where(above[row, confident] < 0, -1, confident)
    return {
        "self_confidence": own, "margin": (own - others.max(axis=1) + 1) / 2, "predicted": predicted,
        "predicted_confidence": best, "confident": confident,
    }  # fmt: skip
