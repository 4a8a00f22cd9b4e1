"""How well each given label fits a model's out-of-sample probabilities."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.ahead import ahead
from auditor.measures import _calibration, _confident
from auditor.measures._predicted import Pairs, tasks
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

MEANING = "quality of each human class label that has a prediction, by several scores, and which of them confident learning picks"
SOURCE = (
    "confident learning and its filters: Northcutt, Jiang, Chuang, JAIR 70, 2021, sections 3.1 and 3.2; normalised margin and "
    "confidence-weighted entropy: Kuan and Mueller, Model-agnostic label quality scoring, ICML DataPerf 2022; the score: odds "
    "after bias-corrected temperature scaling, Alexandari, Kundaje, Shrikumar, ICML 2020"
)
KEY = ("annotation_id", "model")
READS = ("annotation.label", "prediction", "model", "ontology.exclusive")
OPTIONAL = ("annotation.annotator_id", "prediction.fold", "ontology")
EMPTY = "no labelled item has probabilities that can be used"
METHOD = "calibrated odds"
_STRANGE = "no label is one of the model's classes"
COLUMNS = {
    "annotation_id": Column("VARCHAR", "the annotation"),
    "model": Column("VARCHAR", "whose probabilities"),
    "item_id": Column("VARCHAR", "the item"),
    "annotator_id": Column("VARCHAR", "who gave the label", needs="annotation.annotator_id"),
    "task": Column("VARCHAR", "the question asked"),
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
    "rank": Column("BIGINT", "1 for the lowest score of the model and task, equals by annotation_id"),
}
_FILTERS = (
    "suspicious", "prune_by_class", "prune_by_noise_rate", "both", "predicted_neq_given", "low_self_confidence",
    "low_normalized_margin",
)  # fmt: skip
_SAMPLE = 20_000  # labels that the calibration is fitted to, at least; or 50 a class
_SAMPLED = 1 << 25  # … and as many probabilities at most, 128 MB
_BLOCK = 1 << 17  # probabilities worked on at once: they stay in the processor's cache


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Score labels against each model's probabilities, in three passes that hold some thousand rows of probabilities at a time.

    Rows of probabilities are brought to sum 1; rows of the wrong length, with NaN, or without a positive sum are left out
    (`prediction_invalid` finds them). With several annotators per item each annotation is scored, and thresholds are means over
    annotations. Tasks whose ontology says that labels do not exclude each other are left out: a row of sum 1 says nothing of them.

    Args:
        inputs: the tables annotation, prediction, model, ontology.

    Returns:
        Arrow with `COLUMNS` (rank is added there), streamed.
    """
    con = inputs.con.cursor()
    columns = ", ".join(f'"{name}" {spec.type}' for name, spec in COLUMNS.items() if name != "rank")
    con.execute(f"CREATE TEMP TABLE scored ({columns})")
    for model, task, classes in tasks(con, exclusive=True):
        pairs = Pairs.of(con, model, task, classes)
        each = partial(pairs.each, progress=inputs.progress)
        found = score(pairs.given, len(classes), each, pairs.place, inputs.seed)
        _keep(con, pairs, found)
    return con.sql(
        "SELECT *, if(known, row_number() OVER (PARTITION BY model, task, known ORDER BY score, annotation_id), NULL) AS rank "
        "FROM scored"
    ).to_arrow_reader(1 << 16)


def score(
    given: Ints, classes: int, each: Callable[[Callable[[Floats, slice], Any]], Any], place: Ints | None = None, seed: int = 0
) -> dict[str, Any]:
    """All scores and filters of labels whose probabilities come in batches.

    Args:
        given: the given class of each pair of a label and a row of probabilities, shape (n,); -1 for one the model does not know.
        classes: K.
        each: calls a function with (probabilities of shape (m, K) whose rows sum to 1 or are NaN, slice of the pairs), over all
            pairs in order, and gives what it returns, in order; may work ahead.
        place: the order in which labels that are equally suspicious come, a permutation of shape (n,); None for the order given.
        seed: draws the labels that the calibration is fitted to.

    Returns:
        Arrays of shape (n,): those of `judge`, the `_FILTERS` as booleans, and usable (false where there were no probabilities);
        threshold, shape (K,), joint (calibrated, given x true), shape (K, K), and the calibration.

    >>> probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.1, 0.9]], np.float32)
    >>> found = score(np.array([0, 0, 0, 1]), 2, lambda work: [work(probs, slice(0, 4))])
    >>> found["suspicious"].tolist(), found["rival"].tolist(), int(found["score"].argmin())
    ([False, False, True, False], [1, 1, 1, 0], 2)
    """
    size = len(given)
    wanted = min(max(_SAMPLE, 50 * classes), max(1, _SAMPLED // classes))
    chosen = np.zeros(size, np.bool_)
    chosen[np.random.default_rng(seed).choice(size, min(wanted, size), replace=False)] = True
    own = np.full(size, np.nan, np.float32)

    def first(probs: Floats, at: slice) -> tuple[Floats, Ints]:
        label = given[at]
        own[at] = probs[np.arange(len(label)), np.maximum(label, 0)]
        sampled = chosen[at] & (label >= 0) & ~np.isnan(own[at])
        return probs[sampled], label[sampled]

    samples = [(np.empty((0, classes), np.float32), np.empty(0, np.int64)), *each(first)]
    calibration = _calibration.fit(*(np.concatenate(part) for part in zip(*samples, strict=True)))
    del samples
    usable = ~np.isnan(own)
    known = usable & (given >= 0)
    number = np.bincount(given[known], minlength=classes).astype(np.float64)
    total = np.bincount(given[known], own[known].astype(np.float64), classes).astype(np.float64)
    threshold = _confident.thresholds(total, number)
    # As narrow as they may be: there can be ten million.
    code = np.int16 if classes < 1 << 15 else np.int32
    found: dict[str, Any] = {
        name: np.zeros(size, code if name in {"predicted", "confident", "rival"} else np.float32)
        for name in ("rival", "self_confidence", "margin", "weighted_entropy", "predicted", "predicted_confidence", "confident")
    }  # fmt: skip
    found["score"] = np.zeros(size)

    def second(probs: Floats, at: slice) -> None:
        step = max(1, _BLOCK // classes)
        for start in range(0, len(probs), step):
            part = slice(at.start + start, min(at.start + start + step, at.stop))
            for name, values in judge(probs[start : start + step], given[part], threshold, calibration).items():
                found[name][part] = values

    each(second)
    label = np.where(known, given, -1)
    confident = found["confident"]
    pair = np.flatnonzero(known & (confident >= 0))
    counts = np.bincount(label[pair] * classes + confident[pair], minlength=classes**2).reshape(classes, classes)
    joint = _confident.calibrate(counts, number)
    found |= {"usable": usable, "threshold": threshold, "joint": joint, "calibration": calibration}
    found |= _filters(found, label, number, joint, each, np.arange(size) if place is None else place)
    return found


def _filters(
    found: dict[str, Any], label: Ints, number: npt.NDArray[np.float64], joint: Ints, each: Callable[..., Any], place: Ints
) -> dict[str, npt.NDArray[np.bool_]]:
    """The candidates of each filter; labels that are the likeliest class are in none of the first five."""
    known = label >= 0
    own, best = found["self_confidence"].astype(np.float64), found["predicted_confidence"]
    odd = known & (found["predicted"] != label) & (best > own + _confident.SLACK)
    removed = _confident.removals(joint)
    counted = number.astype(np.int64)
    suspicious = odd & (found["confident"] >= 0) & (found["confident"] != label)
    order = np.argsort(place)
    by_class = np.zeros(len(label), np.bool_)
    least = _confident.lowest_of_each(found["self_confidence"][order], label[order], counted - removed.diagonal())
    by_class[order] = least
    by_class &= odd
    removed[counted <= 1] = 0
    largest = _confident.Largest(removed)

    def third(probs: Floats, at: slice) -> None:
        largest.add(probs, label[at], place[at])

    by_rate = np.zeros(len(label), np.bool_)
    if removed.sum() > removed.trace():
        each(third)
        by_rate[order[largest.places()]] = True
        by_rate &= odd
    several = int(suspicious.sum())
    low = {}
    rows = order[known[order]]
    for name, values in (("low_self_confidence", "self_confidence"), ("low_normalized_margin", "margin")):
        low[name] = np.zeros(len(label), np.bool_)
        low[name][rows[_confident.lowest(found[values][rows], several)]] = True
    return {
        "suspicious": suspicious, "prune_by_class": by_class, "prune_by_noise_rate": by_rate, "both": by_class & by_rate,
        "predicted_neq_given": odd, **low,
    }  # fmt: skip


def judge(
    probs: Floats, given: Ints, threshold: npt.NDArray[np.float64], calibration: _calibration.Calibration
) -> dict[str, npt.NDArray[Any]]:
    """Score labels.

    Args:
        probs: probabilities, shape (n, classes), rows of sum 1.
        given: the given class, shape (n,); -1 for one the model does not know: its numbers are those of class 0.
        threshold: mean self-confidence of each class, shape (classes,).
        calibration: of the model.

    Returns:
        score, rival (class), self_confidence, margin, weighted_entropy, predicted (class), predicted_confidence and confident
        (class or -1), each of shape (n,).

    >>> plain = _calibration.Calibration(1.0, np.zeros(2))
    >>> found = judge(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.array([1, 1]), np.array([0.8, 0.5]), plain)
    >>> found["confident"].tolist(), found["margin"].round(2).tolist()
    ([0, 1], [0.1, 0.8])
    """
    row = np.arange(len(given))
    at = np.maximum(given, 0)
    own = probs[row, at]
    predicted = probs.argmax(axis=1)
    best = probs[row, predicted]
    lead, rival = _calibration.odds(probs, at, calibration)
    others = probs.copy()
    others[row, at] = -1
    margin = (own.astype(np.float64) - others.max(axis=1) + 1) / 2
    logs = np.log(np.maximum(probs, np.float32(_calibration.TINY)))
    entropy = -np.einsum("ij,ij->i", probs, logs).astype(np.float64) / np.log(probs.shape[1])
    # Kuan and Mueller's entropy over self-confidence, brought to 0..1 as cleanlab does.
    spread = np.maximum(entropy, 0) / np.maximum(own, _confident.SLACK)
    weighted = np.log1p(spread) / np.maximum(spread, _confident.SLACK)
    return {
        "score": lead, "rival": rival, "self_confidence": own, "margin": margin, "weighted_entropy": weighted,
        "predicted": predicted, "predicted_confidence": best,
        "confident": _confident.confident_class(probs, predicted, _confident.reaches(threshold)),
    }  # fmt: skip


def _keep(con: Any, pairs: Pairs, found: dict[str, Any]) -> None:
    """Put the result of one model and task into the table `scored`, beside the annotations it is of."""
    import pyarrow as pa

    names = pa.array(pairs.classes, pa.string())
    limits = np.append(found["threshold"], np.nan)

    def beside(work: tuple[Any, slice]) -> pa.Table:
        rows, at = work
        usable = found["usable"][at]
        part = {name: values[at][usable] for name, values in found.items() if name not in {"joint", "threshold", "calibration"}}
        rows = rows.filter(pa.array(usable)) if not usable.all() else rows
        unknown = pairs.given[at][usable] < 0
        none = part["confident"] < 0
        told = {
            **{name: part[name] for name in ("score", "self_confidence", "margin", "weighted_entropy", *_FILTERS)},
            "suggested": names.take(pa.array(np.maximum(part["rival"], 0))),
            "method": pa.repeat(pa.scalar(METHOD), len(unknown)),
        }
        hidden = {
            name: pa.array(values, mask=unknown) if isinstance(values, np.ndarray) else _masked(values, unknown)
            for name, values in told.items()
        }
        return pa.table({
            **{name: rows[name] for name in ("annotation_id", "item_id", "annotator_id", "label")},
            "model": pa.repeat(pa.scalar(pairs.model), len(unknown)), "task": pa.repeat(pa.scalar(pairs.task), len(unknown)),
            "known": ~unknown, **hidden, "predicted": names.take(pa.array(part["predicted"])),
            "predicted_confidence": part["predicted_confidence"],
            "confident": names.take(pa.array(part["confident"], mask=none)),
            "confident_threshold": pa.array(limits[part["confident"]], mask=none),
        }).select([name for name in COLUMNS if name != "rank"])  # fmt: skip

    for table in ahead(beside, pairs.annotations()):
        con.register("part", table)
        con.execute("INSERT INTO scored FROM part")
        con.unregister("part")
    pairs.close()


def _masked(values: pa.Array, mask: npt.NDArray[np.bool_]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), values)
