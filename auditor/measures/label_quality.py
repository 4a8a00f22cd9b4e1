"""How well each given label fits a model's out-of-sample probabilities."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._label_scores import FILTERS, score
from auditor.measures._predicted import Pairs, tasks
from auditor.measures.vote import even
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "quality of each human class label that has a prediction, by several scores, and which of them confident learning picks"
SOURCE = (
    "confident learning and its filters: Northcutt, Jiang, Chuang, JAIR 70, 2021, sections 3.1 and 3.2; normalised margin and "
    "confidence-weighted entropy: Kuan and Mueller, Model-agnostic label quality scoring, ICML DataPerf 2022; the score: odds "
    "after bias-corrected temperature scaling, Alexandari, Kundaje, Shrikumar, ICML 2020"
)
KEY = ("model", "task", "item_id", "annotation_id")
SORTED = True
READS = ("annotation.label", "prediction", "model", "ontology.exclusive")
OPTIONAL = ("annotation.annotator_id", "prediction.fold", "ontology")
EMPTY = "no labelled item has probabilities that can be used"
METHOD = "calibrated odds"
_STRANGE = "no label is one of the model's classes"
COLUMNS = {
    "model": Column("VARCHAR", "whose probabilities"),
    "task": Column("VARCHAR", "the question asked"),
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the annotation"),
    "annotator_id": Column("VARCHAR", "who gave the label", needs="annotation.annotator_id"),
    "label": Column("VARCHAR", "the label given"),
    "known": Column("BOOLEAN", "the label is one of the model's classes; if not, all numbers of the label are NULL"),
    "score": Column(
        "DOUBLE",
        "quality of the label, low is suspicious: its probability beside its strongest rival's, after calibration",
        "0..1",
        absent=_STRANGE,
    ),
    "method": Column("VARCHAR", "what the score is: calibrated odds"),
    "suggested": Column("VARCHAR", "the strongest rival, after calibration: another label than the one given"),
    "self_confidence": Column("FLOAT", "probability of the given label", "0..1", absent=_STRANGE),
    "margin": Column("FLOAT", "normalised margin: (probability of the label - largest other + 1) / 2", "0..1"),
    "weighted_entropy": Column("FLOAT", "confidence-weighted entropy, brought to 0..1: low is suspicious", "0..1"),
    "predicted": Column("VARCHAR", "the most probable class"),
    "predicted_confidence": Column("FLOAT", "its probability", "0..1"),
    "confident": Column("VARCHAR", "the class it is confidently of; NULL where none reaches its threshold"),
    "confident_threshold": Column("FLOAT", "mean probability of that class over the annotations labelled so", "0..1"),
    "suspicious": Column(
        "BOOLEAN", "confident learning: off the diagonal of the confident joint, and not the likeliest class", absent=_STRANGE
    ),
    "prune_by_class": Column("BOOLEAN", "among the least probable of its label, as many as the calibrated joint says are wrong"),
    "prune_by_noise_rate": Column("BOOLEAN", "among those that another class leads by most, as many as the joint says are of it"),
    "both": Column("BOOLEAN", "both of these"),
    "predicted_neq_given": Column("BOOLEAN", "the most probable class is another one"),
    "low_self_confidence": Column("BOOLEAN", "among the least probable, as many as are suspicious"),
    "low_normalized_margin": Column("BOOLEAN", "among those of the lowest margin, as many as are suspicious"),
    "rank": Column("BIGINT", "1 for the lowest score of the model and task, equals by item_id, shorter ones first"),
}


_NUMBERS = ("score", "self_confidence", "margin", "weighted_entropy", *FILTERS)
_OF_EACH = (*_NUMBERS, "rival", "predicted", "predicted_confidence", "confident")


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Score labels against each model's probabilities, in passes that hold some thousand rows of probabilities at a time.

    Rows of probabilities are brought to sum 1; rows of the wrong length, with NaN, or without a positive sum are left out
    (`prediction_invalid` finds them). With several annotators per item each annotation is scored, and thresholds are means over
    annotations. Tasks whose ontology says that labels do not exclude each other are left out: a row of sum 1 says nothing of them.

    Args:
        inputs: the tables annotation, prediction, model, ontology.

    Returns:
        Arrow with `COLUMNS`, streamed: one row per model, human class annotation of its task, and row of probabilities for it.
    """
    import pyarrow as pa

    con = inputs.con.cursor()

    def batches() -> Iterator[pa.RecordBatch]:
        for model, task, classes in tasks(con, exclusive=True):
            with Pairs.of(con, model, task, classes) as pairs:
                found = score(pairs.given, len(classes), partial(pairs.each, progress=inputs.progress), pairs.place, inputs.seed)
            yield from told(pairs, found)

    kinds = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "BIGINT": pa.int64()}
    schema = pa.schema([(name, kinds[spec.type]) for name, spec in COLUMNS.items()])
    return pa.RecordBatchReader.from_batches(schema, even(batch.cast(schema) for batch in batches()))


def told(pairs: Any, found: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """The result of one model and task, beside the annotations it is of."""
    import pyarrow as pa

    names = pa.array(pairs.classes, pa.string())
    limits = np.append(found["threshold"], np.nan)
    known = found["usable"] & (pairs.given >= 0)
    rank = np.zeros(len(known), np.int64)
    judged = np.flatnonzero(known)
    rank[judged[np.lexsort((pairs.place[judged], found["score"][judged]))]] = np.arange(1, len(judged) + 1)

    for rows, at in pairs.annotations():
        usable = found["usable"][at]
        picked = rows.filter(pa.array(usable)) if not usable.all() else rows
        part = {name: found[name][at][usable] for name in _OF_EACH}
        unknown, none = pairs.given[at][usable] < 0, part["confident"] < 0
        size = len(unknown)
        columns = {
            "model": pa.repeat(pairs.model, size), "task": pa.repeat(pairs.task, size), "known": pa.array(~unknown),
            **{name: picked[name] for name in ("item_id", "annotation_id", "annotator_id", "label")},
            **{name: pa.array(part[name], mask=unknown) for name in _NUMBERS},
            "rank": pa.array(rank[at][usable], mask=unknown),
            "method": pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int8), mask=unknown), pa.array([METHOD])),
            "suggested": pa.DictionaryArray.from_arrays(pa.array(part["rival"], mask=unknown), names),
            "predicted": pa.DictionaryArray.from_arrays(pa.array(part["predicted"]), names),
            "predicted_confidence": pa.array(part["predicted_confidence"]),
            "confident": pa.DictionaryArray.from_arrays(pa.array(part["confident"], mask=none), names),
            "confident_threshold": pa.array(limits[part["confident"]], mask=none),
        }  # fmt: skip
        yield pa.record_batch([columns[name] for name in COLUMNS], names=list(COLUMNS))
