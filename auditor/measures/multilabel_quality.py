"""How well sets of labels, which may all hold at once, fit a model's probabilities of each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _confident
from auditor.measures._predicted import Sets, tasks
from auditor.measures.vote import even
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Floats = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]

MEANING = (
    "sets of labels that a person gave an item, where labels do not exclude each other: of each set the label that fits worst, and "
    "all that confident learning says are missing or too many"
)
SOURCE = (
    "Thyagarajan, Snorrason, Northcutt, Mueller, Identifying Incorrect Annotations in Multi-Label Classification Data, 2022: one "
    "class against the rest, pooled by an exponential moving average with 0.8; Northcutt et al., JAIR 70, 2021"
)
KEY = ("model", "task", "item_id", "set", "label")
SORTED = True
READS = ("annotation.label", "prediction", "model", "ontology.exclusive")
OPTIONAL = ("annotation.annotator_id",)
EMPTY = "no task has labels that do not exclude each other, as its ontology says, and probabilities"
ALPHA = 0.8  # weight of the next lower score in the moving average: the lowest score weighs most
COLUMNS = {
    "model": Column("VARCHAR", "whose probabilities"),
    "task": Column("VARCHAR", "the question asked"),
    "item_id": Column("VARCHAR", "the item"),
    "set": Column("INTEGER", "number of the set of the item: 1 for the first annotator by id"),
    "label": Column("VARCHAR", "a label"),
    "annotator_id": Column("VARCHAR", "who gave the set", needs="annotation.annotator_id"),
    "given": Column("BOOLEAN", "the set holds it"),
    "probability": Column("FLOAT", "the model's probability that it holds", "0..1"),
    "class_score": Column("FLOAT", "probability of what was given: of the label, or of its absence", "0..1"),
    "score": Column("DOUBLE", "quality of the whole set, low is suspicious: moving average of its sorted class scores", "0..1"),
    "worst": Column("BOOLEAN", "its class score is the lowest of the set"),
    "suspicious": Column("BOOLEAN", "confident learning of this label against the rest says the opposite"),
}


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Judge sets of labels in two passes over the probabilities.

    A set is all labels that one person gave an item; annotations without an annotator count as one person's. Probabilities are not
    brought to sum 1; rows of the wrong length or with numbers outside 0..1 are left out.

    Args:
        inputs: the tables annotation, prediction, model, ontology.

    Returns:
        Arrow with `COLUMNS`, streamed: one row per set for its worst label, and one for each suspicious label.
    """
    import pyarrow as pa

    con = inputs.con.cursor()

    def batches() -> Iterator[pa.RecordBatch]:
        for model, task, classes in tasks(con, exclusive=False):
            sets = Sets(con, model, task, classes)
            yield from _rows(sets, partial(sets.each, progress=inputs.progress))

    kinds = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "INTEGER": pa.int32()}
    schema = pa.schema([(name, kinds[spec.type]) for name, spec in COLUMNS.items()])
    return pa.RecordBatchReader.from_batches(schema, even(batch.cast(schema) for batch in batches()))


def _rows(sets: Sets, each: Callable[..., Iterator[Any]]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    classes = len(sets.classes)
    total, number = np.zeros((2, classes)), np.zeros((2, classes))
    for sums, counts in each(_sums):
        total += sums
        number += counts
    threshold = np.stack([_confident.thresholds(total[side], number[side]) for side in (0, 1)])
    order = np.argsort(np.array(sets.classes, dtype=object).astype(str), kind="stable")
    alphabet = np.argsort(order)
    names = pa.array(sets.classes, pa.string())
    for at, found in each(lambda probs, given, at: (at, judge(probs, given, threshold))):
        row, label = np.nonzero(found["shown"])
        by = np.lexsort((alphabet[label], row))
        row, label = row[by], label[by]
        who = sets.rows(at)
        columns = {
            "model": pa.repeat(sets.model, len(row)), "task": pa.repeat(sets.task, len(row)),
            **{name: who[name].take(pa.array(row)).combine_chunks() for name in ("item_id", "set", "annotator_id")},
            "label": names.take(pa.array(label)),
            **{name: pa.array(found[name][row, label]) for name in ("given", "probability", "class_score", "worst", "suspicious")},
            "score": pa.array(found["score"][row]),
        }  # fmt: skip
        yield pa.record_batch([columns[name] for name in COLUMNS], names=list(COLUMNS))


def _sums(probs: Floats, given: Mask, _at: slice) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sums of the probability of what was given, and how often, where a label was not given and where it was, shape (2, K)."""
    good = ~np.isnan(probs[:, :1])
    held, lacked = given & good, ~given & good
    own = np.where(np.isnan(probs), 0, probs).astype(np.float64)
    sums = np.stack([np.where(lacked, 1 - own, 0).sum(axis=0), np.where(held, own, 0).sum(axis=0)])
    return sums, np.stack([lacked.sum(axis=0), held.sum(axis=0)]).astype(np.float64)


def judge(probs: Floats, given: Mask, threshold: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
    """Judge sets of labels.

    Args:
        probs: probability that each label holds, shape (n, K); NaN throughout where there are none.
        given: which labels the sets hold, shape (n, K).
        threshold: mean probability of absence where a label was not given, and of presence where it was, shape (2, K).

    Returns:
        given, probability, class_score, worst, suspicious, shown (one of the last two), each of shape (n, K), and score, (n,).

    >>> probs = np.array([[0.9, 0.1], [0.9, 0.8]], np.float32)
    >>> found = judge(probs, np.array([[True, False], [False, True]]), np.array([[0.9, 0.9], [0.8, 0.8]]))
    >>> found["suspicious"].tolist(), found["score"].round(3).tolist()
    ([[False, False], [True, False]], [0.9, 0.24])
    """
    sure = probs.astype(np.float64)
    own = np.where(given, sure, 1 - sure)
    ordered = -np.sort(-own, axis=1)
    score = ordered[:, 0].copy()
    for column in range(1, ordered.shape[1]):
        score = ALPHA * ordered[:, column] + (1 - ALPHA) * score
    held, lacked = sure >= threshold[1] - _confident.SLACK, 1 - sure >= threshold[0] - _confident.SLACK
    likely = sure > 0.5
    guess = np.where(held & lacked, likely, held)
    # As in `label_quality`: what is the likelier side anyway is not suspicious.
    suspicious = (held | lacked) & (guess != given) & (own + _confident.SLACK < 1 - own)
    good = ~np.isnan(score)
    worst = np.zeros(own.shape, np.bool_)
    worst[np.flatnonzero(good), np.where(np.isnan(own), 2, own).argmin(axis=1)[good]] = True
    return {
        "given": given, "probability": probs, "class_score": own.astype(np.float32), "score": score, "worst": worst,
        "suspicious": suspicious, "shown": worst | suspicious,
    }  # fmt: skip
