"""Coefficients of agreement from distinct vote patterns, and their intervals; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy import sparse

    Floats = npt.NDArray[np.float64]

REPLICATES = 1000  # bootstrap samples
# More patterns mean as many items at least: the normal interval of the linearised coefficient is then as good, and cheaper.
BOOTSTRAP_PATTERNS = 10_000
_CHUNK = 1 << 22  # numbers held at once


@dataclass(frozen=True)
class Patterns:
    """Votes of units with at least 2 votes.

    Attributes:
        counts: votes, shape (patterns, labels), sparse.
        items: units with each pattern, shape (patterns,).
        values: the number that each label stands for, ascending, shape (labels,); None for names.
    """

    counts: sparse.csr_array
    items: npt.NDArray[np.int64]
    values: Floats | None = None


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its 95 % interval; `reason` says why one is None.

    Attributes:
        value: -1..1 for all but negative outliers of tiny samples; 1 is perfect agreement, 0 is chance.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


def midranks(totals: Floats) -> Floats:
    """Position of each label among all votes: the ordinal distance of Krippendorff is the difference of these.

    >>> midranks(np.array([2.0, 4.0])).tolist()
    [1.0, 4.0]
    """
    return np.cumsum(totals, axis=-1) - totals / 2


def _within(counts: sparse.csr_array, size: Floats, scale: Floats | None) -> Floats:
    """Disagreement within each pattern: ordered pairs of votes that differ (or their squared distance), over votes - 1."""
    if scale is None:
        return np.asarray((size**2 - (counts * counts).sum(axis=1)) / (size - 1))
    return np.asarray(2 * (size * (counts @ scale**2) - (counts @ scale) ** 2) / (size - 1))


def _coefficients(metric: str, within: Floats, totals: Floats, votes: Floats, scale: Floats | None) -> Floats:
    """1 - observed / expected for sums over samples: within (b,), totals (b, labels), votes (b,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if scale is None:
            pairs = votes**2 - (totals**2).sum(axis=-1)
        else:
            pairs = 2 * (votes * (totals * scale**2).sum(axis=-1) - (totals * scale).sum(axis=-1) ** 2)
        if metric == "fleiss_kappa":
            return np.asarray(1 - within / (pairs / votes**2))
        return np.asarray(1 - (within / votes) / (pairs / (votes * (votes - 1))))


def _size(patterns: Patterns) -> Floats:
    return np.asarray(patterns.counts.sum(axis=1), dtype=np.float64)


def _parts(metric: str, patterns: Patterns, size: Floats, scale: Floats | None) -> Floats:
    """What a pattern adds to the observed disagreement, per item."""
    within = _within(patterns.counts, size, scale)
    return within / size if metric in {"fleiss_kappa", "percent"} else within


def agreement(metric: str, patterns: Patterns, seed: int = 0) -> Coefficient:
    """A coefficient of agreement and its 95 % interval, items being the clusters.

    Up to `BOOTSTRAP_PATTERNS` patterns, the interval is the percentile interval of `REPLICATES` bootstrap samples of items, drawn
    as multinomial weights of patterns; beyond, the normal interval of the coefficient linearised in the items' contributions (for
    ordinal distances with the ranks held fixed).

    Args:
        metric: percent | fleiss_kappa | alpha_nominal | alpha_ordinal | alpha_interval.
        patterns: the votes; units with one vote do not belong there.
        seed: of the bootstrap.

    Returns:
        The coefficient; None where only one label was ever given, which leaves no disagreement to expect.
    """
    size = _size(patterns)
    if not len(size):
        return Coefficient(None, reason="no item has two votes")
    totals = np.asarray(patterns.counts.T @ patterns.items, dtype=np.float64)
    scale = _scale(metric, patterns, totals)
    items = patterns.items.astype(np.float64)
    votes = float(items @ size)
    parts = _parts(metric, patterns, size, scale)
    if metric == "percent":
        value = 1 - float(items @ parts) / float(items.sum())
    elif np.count_nonzero(totals) < 2:
        return Coefficient(None, reason="all votes are for one label: chance agreement is complete too")
    else:
        observed = items @ parts / (items.sum() if metric == "fleiss_kappa" else 1)
        value = float(_coefficients(metric, np.array([observed]), totals[None], np.array([votes]), scale)[0])
    if items.sum() < 2:
        return Coefficient(value, reason="no interval from one item")
    low, high = _interval(metric, patterns, size, parts, value, seed)
    return Coefficient(value, low, high)


def _scale(metric: str, patterns: Patterns, totals: Floats) -> Floats | None:
    if metric == "alpha_interval":
        assert patterns.values is not None
        return np.asarray(patterns.values - patterns.values.mean())  # distances are the same, and squares lose fewer digits
    return midranks(totals) if metric == "alpha_ordinal" else None


def _interval(metric: str, patterns: Patterns, size: Floats, parts: Floats, value: float, seed: int) -> tuple[float, float]:
    if len(size) > BOOTSTRAP_PATTERNS:
        half = 1.959963984540054 * _error(metric, patterns, size, parts)
        return value - half, value + half
    number = int(patterns.items.sum())
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    step = max(1, _CHUNK // (len(size) + patterns.counts.shape[1]))
    for start in range(0, REPLICATES, step):
        weight = rng.multinomial(number, patterns.items / number, size=min(step, REPLICATES - start)).astype(np.float64)
        found.append(_replicates(metric, patterns, size, parts, weight))
    sample = np.concatenate(found)
    sample = sample[np.isfinite(sample)]  # a sample that drew one label only has no coefficient
    if not len(sample):
        return value, value
    low, high = np.quantile(sample, [0.025, 0.975])
    return float(low), float(high)


def _replicates(metric: str, patterns: Patterns, size: Floats, parts: Floats, weight: Floats) -> Floats:
    if metric == "percent":
        return np.asarray(1 - weight @ parts / weight.sum(axis=1))
    totals = weight @ patterns.counts
    votes = weight @ size
    if metric == "alpha_ordinal":
        rank = midranks(totals)
        first = patterns.counts @ (rank**2).T
        second = patterns.counts @ rank.T
        inner = 2 * (size[:, None] * first - second**2) / (size - 1)[:, None]
        return _coefficients(metric, np.einsum("bp,pb->b", weight, inner), totals, votes, rank)
    observed = weight @ parts / (weight.sum(axis=1) if metric == "fleiss_kappa" else 1)
    return _coefficients(metric, observed, totals, votes, _scale(metric, patterns, totals))


def _error(metric: str, patterns: Patterns, size: Floats, parts: Floats) -> float:
    """Standard error from the derivative of the coefficient by each pattern's weight (infinitesimal jackknife)."""
    items = patterns.items.astype(np.float64)
    number = items.sum()
    if metric == "percent":
        influence = (parts - items @ parts / number) / number
        return float(np.sqrt(items @ influence**2))
    totals = np.asarray(patterns.counts.T @ items)
    scale = _scale(metric, patterns, totals)
    votes = float(items @ size)
    if scale is None:
        pairs = votes**2 - float((totals**2).sum())
        slope = 2 * (votes * size - patterns.counts @ totals)
    else:
        pairs = 2 * (votes * float(totals @ scale**2) - float(totals @ scale) ** 2)
        slope = 2 * (
            size * (totals @ scale**2) + votes * (patterns.counts @ scale**2) - 2 * (totals @ scale) * (patterns.counts @ scale)
        )
    observed = float(items @ parts)
    # log(1 - coefficient) = log observed - log pairs + log of the votes' term: its derivative by the weight of a pattern's item
    if observed == 0:
        return 0.0
    logs = parts / observed - slope / pairs
    logs = logs + (2 * size / votes - 1 / number if metric == "fleiss_kappa" else size / (votes - 1))
    ratio = _coefficients(
        metric, np.array([observed / (number if metric == "fleiss_kappa" else 1)]), totals[None], np.array([votes]), scale
    )
    return float((1 - ratio[0]) * np.sqrt(items @ logs**2))
