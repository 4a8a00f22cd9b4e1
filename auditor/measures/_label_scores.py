"""Scores of labels and the filters of confident learning, over probabilities that come in batches, several times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _calibration, _confident

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.integer[Any]]
    Mask = npt.NDArray[np.bool_]

FILTERS = (
    "suspicious", "prune_by_class", "prune_by_noise_rate", "both", "predicted_neq_given", "low_self_confidence",
    "low_normalized_margin",
)  # fmt: skip
_SAMPLE = 20_000  # labels that the calibration is fitted to, at least; or 50 a class
_SAMPLED = 1 << 25  # … and as many probabilities at most, 128 MB
_BLOCK = 1 << 17  # probabilities worked on at once: they stay in the processor's cache


def score(
    given: Ints, classes: int, each: Callable[[Callable[[Floats, slice], Any]], Any], place: Ints | None = None, seed: int = 0
) -> dict[str, Any]:
    """All scores and filters of labels whose probabilities come in batches.

    Args:
        given: the given class of each pair of a label and a row of probabilities, shape (n,); -1 for one the model does not know.
        classes: K.
        each: calls a function with (probabilities of shape (m, K) whose rows sum to 1 or are NaN, slice of the pairs), over all
            pairs in order, and gives what it returns, in order; may work ahead, and wait until the next result is asked for.
        place: the order in which labels that are equally suspicious come, a permutation of shape (n,); None for the order given.
        seed: draws the labels that the calibration is fitted to.

    Returns:
        Arrays of shape (n,): those of `judge`, the `FILTERS` as booleans, and usable (false where there were no probabilities);
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
    # As narrow as they may be: there can be ten million.
    code = np.int16 if classes < 1 << 15 else np.int32
    found: dict[str, Any] = {name: np.zeros(size, code) for name in ("predicted", "confident", "rival")}
    found |= {
        name: np.zeros(size, np.float32) for name in ("self_confidence", "margin", "weighted_entropy", "predicted_confidence")
    }
    found["score"] = np.zeros(size)

    def blocks(probs: Floats, at: slice) -> Iterator[tuple[Floats, slice]]:
        step = max(1, _BLOCK // classes)
        for start in range(0, len(probs), step):
            yield probs[start : start + step], slice(at.start + start, min(at.start + start + step, at.stop))

    def first(probs: Floats, at: slice) -> tuple[Floats, Ints]:
        for block, part in blocks(probs, at):
            for name, values in _alone(block, given[part]).items():
                found[name][part] = values
        sampled = chosen[at] & (given[at] >= 0) & ~np.isnan(found["self_confidence"][at])
        return probs[sampled], given[at][sampled]

    samples = [(np.empty((0, classes), np.float32), np.empty(0, np.int64)), *each(first)]
    calibration = _calibration.fit(*(np.concatenate(part) for part in zip(*samples, strict=True)))
    del samples
    usable = ~np.isnan(found["self_confidence"])
    label = np.where(usable, given, -1).astype(given.dtype)
    known = np.flatnonzero(label >= 0)
    number = np.bincount(label[known], minlength=classes).astype(np.float64)
    own = found["self_confidence"][known].astype(np.float64)
    threshold = _confident.thresholds(np.bincount(label[known], own, classes).astype(np.float64), number)
    reach = _confident.reaches(threshold)

    def second(probs: Floats, at: slice) -> None:
        for block, part in blocks(probs, at):
            found["score"][part], found["rival"][part] = _calibration.odds(block, np.maximum(given[part], 0), calibration)
            found["confident"][part] = _confident.confident_class(block, found["predicted"][part], reach)

    for _ in each(second):
        pass
    sure = known[found["confident"][known] >= 0]
    pair = label[sure].astype(np.int64) * classes + found["confident"][sure]
    joint = _confident.calibrate(np.bincount(pair, minlength=classes**2).reshape(classes, classes), number)
    found |= {"usable": usable, "threshold": threshold, "joint": joint, "calibration": calibration}
    found |= _filters(found, label, number, each, np.arange(size) if place is None else place)
    return found


def _filters(
    found: dict[str, Any], label: Ints, number: npt.NDArray[np.float64], each: Callable[..., Any], place: Ints
) -> dict[str, npt.NDArray[np.bool_]]:
    """The candidates of each filter; labels that are the likeliest class are in none of the first five."""
    known: Mask = label >= 0
    own, best = found["self_confidence"].astype(np.float64), found["predicted_confidence"]
    odd = known & (found["predicted"] != label) & (best > own + _confident.SLACK)
    removed = _confident.removals(found["joint"])
    counted = number.astype(np.int64)
    suspicious = odd & (found["confident"] >= 0) & (found["confident"] != label)
    order = np.argsort(place)
    by_class = np.zeros(len(label), np.bool_)
    by_class[order] = _confident.lowest_of_each(found["self_confidence"][order], label[order], counted - removed.diagonal())
    by_class &= odd
    removed[counted <= 1] = 0
    by_rate = np.zeros(len(label), np.bool_)
    by_rate[order[_leading(removed, label, np.asarray(known & (best > own)), each, place)]] = True
    by_rate &= odd
    several = int(suspicious.sum())
    rows = order[known[order]]
    low = {}
    for name, values in (("low_self_confidence", "self_confidence"), ("low_normalized_margin", "margin")):
        low[name] = np.zeros(len(label), np.bool_)
        low[name][rows[_confident.lowest(found[values][rows], several)]] = True
    return {
        "suspicious": suspicious, "prune_by_class": by_class, "prune_by_noise_rate": by_rate, "both": by_class & by_rate,
        "predicted_neq_given": odd, **low,
    }  # fmt: skip


def _leading(wanted: Ints, label: Ints, beaten: npt.NDArray[np.bool_], each: Callable[..., Any], place: Ints) -> Ints:
    """Places of the rows in which another label leads the given one by most, `wanted` of each pair of labels.

    Rows in which some label leads are few, and mostly enough; only for pairs that lack some all rows of that label are looked at.
    """
    if wanted.sum() == wanted.trace():
        return np.empty(0, np.int64)
    largest = _confident.Largest(wanted)

    def third(probs: Floats, at: slice) -> tuple[Floats, slice, Ints]:
        rows = np.flatnonzero(beaten[at])
        return probs[rows], at, rows

    for probs, at, rows in each(third):
        largest.add(probs, label[at][rows], place[at][rows])
    places = largest.places()
    lacking = largest.missing()
    if not lacking.any():
        return places
    rest = _confident.Largest(lacking, ahead=False)
    concerned: Mask = np.asarray(lacking.any(axis=1))

    def fourth(probs: Floats, at: slice) -> tuple[Floats, slice, Ints]:
        rows = np.flatnonzero((label[at] >= 0) & concerned[label[at]])
        return probs[rows], at, rows

    for probs, at, rows in each(fourth):
        rest.add(probs, label[at][rows], place[at][rows])
    return np.union1d(places, rest.places())


def _alone(probs: Floats, given: Ints) -> dict[str, npt.NDArray[Any]]:
    """What a row tells without the others: self_confidence, margin, weighted_entropy, predicted, predicted_confidence."""
    row = np.arange(len(given))
    at = np.maximum(given, 0)
    own = probs[row, at]
    predicted = probs.argmax(axis=1)
    best = probs[row, predicted]
    # The largest other is the likeliest class, unless that is the given one.
    other = best.copy()
    same = np.flatnonzero(predicted == at)
    rest = probs[same]
    rest[np.arange(len(same)), at[same]] = -1
    other[same] = rest.max(axis=1) if len(same) else other[same]
    logs = np.maximum(probs, np.float32(_calibration.TINY))
    np.log(logs, out=logs)
    entropy = -np.einsum("ij,ij->i", probs, logs).astype(np.float64) / np.log(probs.shape[1])
    # Kuan and Mueller's entropy over self-confidence, brought to 0..1 as cleanlab does.
    spread = np.maximum(entropy, 0) / np.maximum(own, _confident.SLACK)
    return {
        "self_confidence": own, "margin": (own.astype(np.float64) - other + 1) / 2,
        "weighted_entropy": np.log1p(spread) / np.maximum(spread, _confident.SLACK),
        "predicted": predicted, "predicted_confidence": best,
    }  # fmt: skip


def judge(
    probs: Floats, given: Ints, threshold: npt.NDArray[np.float64], calibration: _calibration.Calibration
) -> dict[str, npt.NDArray[Any]]:
    """Score labels with thresholds and a calibration that are known.

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
    found = _alone(probs, given)
    lead, rival = _calibration.odds(probs, np.maximum(given, 0), calibration)
    confident = _confident.confident_class(probs, found["predicted"], _confident.reaches(threshold))
    return {**found, "score": lead, "rival": rival, "confident": confident}
