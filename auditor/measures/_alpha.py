"""Coefficients of agreement from distinct vote patterns, and their intervals; no I/O.

Each is 1 - observed / expected disagreement. They differ in what two answers being apart costs (`_distance`), and in what is
expected of people who know nothing of the item:

- ``alpha_*``: pairs of all votes on items with at least two (Krippendorff, Content Analysis, 2018, chapter 12)
- ``fleiss_kappa``: the same drawn with replacement (Fleiss, Psychological Bulletin 76, 1971); of two people it is Scott's pi
- ``bennett_s``: all labels equally likely (Bennett, Alpert, Goldstein, Public Opinion Quarterly 18, 1954); of two labels PABAK
- ``gwet_ac1``, ``gwet_ac2``: likely where the answers are hard (Gwet, Handbook of Inter-Rater Reliability, 2014, chapters 2 and 3)
- ``percent``: none; the share of pairs that agree
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._distance import MOST_NUMBERS, Distance, Likeness, Names, Squares, midranks, ratios

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from scipy import sparse

    Floats = npt.NDArray[np.float64]

REPLICATES = 1000  # bootstrap samples
# More patterns mean as many items at least: the normal interval of the linearised coefficient is then as good, and cheaper.
BOOTSTRAP_PATTERNS = 10_000
_CHUNK = 1 << 22  # numbers held at once
Z95 = 1.959963984540054
# 1 - 0 / 0: all agree, and would by chance too. Perfect agreement is 1; the reason, and no interval, say how little that means.
ONE_LABEL = "all votes are for one label: chance agreement is complete too, so there is no interval"


@dataclass(frozen=True)
class Patterns:
    """Votes of units.

    Attributes:
        counts: votes, shape (patterns, labels), sparse; each pattern has a vote, each label of the task a column, used or not.
        items: units with each pattern, shape (patterns,).
        values: the number that each label stands for, ascending, shape (labels,); None for names.
    """

    counts: sparse.csr_array
    items: npt.NDArray[np.int64]
    values: Floats | None = None

    def of(self, chosen: npt.NDArray[np.bool_]) -> Patterns:
        """Some of the patterns."""
        return Patterns(self.counts[chosen], self.items[chosen], self.values)


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


def distance(metric: str, patterns: Patterns, totals: Floats) -> Distance:
    """What two answers being apart costs under a metric.

    Raises:
        ValueError: the answers have no such distance, with the reason.
    """
    if metric in {"alpha_interval", "alpha_ordinal", "alpha_ratio", "gwet_ac2"} and patterns.values is None:
        raise ValueError("the labels have no declared order")
    if metric == "alpha_ordinal":
        return Squares(midranks(totals))
    if metric == "alpha_interval":  # distances are the same around 0, and squares lose fewer digits
        assert patterns.values is not None
        return Squares(patterns.values - patterns.values.mean())
    if metric == "gwet_ac2":
        assert patterns.values is not None
        wide = float(np.ptp(patterns.values)) or 1.0
        return Squares((patterns.values - patterns.values.mean()) / wide)
    if metric == "alpha_ratio":
        assert patterns.values is not None
        if patterns.values[0] < 0:
            raise ValueError("a number below 0 has no ratio")
        if len(patterns.values) > MOST_NUMBERS:
            raise ValueError(f"more than {MOST_NUMBERS:,} different numbers")
        return ratios(patterns.values)
    return Names()


def linear(metric: str, patterns: Patterns) -> tuple[float, float] | None:
    """A coefficient and its standard error, linearised in the items' contributions; None where it is undefined.

    Args:
        metric: as of `agreement`.
        patterns: the votes.
    """
    found = _ready(metric, patterns, None)
    if isinstance(found, Coefficient):
        return None
    sums, items = found
    value = float(sums.coefficients(items[None])[0])
    return value, float(np.sqrt(items @ sums.influence(items) ** 2))


def _ready(metric: str, patterns: Patterns, apart: Likeness | None) -> tuple[_Sums, Floats] | Coefficient:
    """The sums of a coefficient and the items of each of its patterns; without a value where there can be none."""
    size = np.asarray(patterns.counts.sum(axis=1), dtype=np.float64)
    if not (size > 1).any():
        return Coefficient(None, reason="no item has two votes")
    if not metric.startswith("gwet_"):
        patterns = patterns.of(size > 1)
    items = patterns.items.astype(np.float64)
    totals = np.asarray(patterns.counts.T @ items)
    if metric != "percent" and np.count_nonzero(totals) < 2:
        return Coefficient(1.0, reason=ONE_LABEL)
    try:
        return _Sums(metric, patterns, apart or distance(metric, patterns, totals)), items
    except ValueError as error:
        return Coefficient(None, reason=str(error))


def agreement(
    metric: str, patterns: Patterns, seed: int = 0, apart: Likeness | None = None, most: int | None = None
) -> Coefficient:
    """A coefficient of agreement and its 95 % interval, items being the clusters.

    Up to `BOOTSTRAP_PATTERNS` patterns, the interval is the percentile interval of `REPLICATES` bootstrap samples of items, drawn
    as multinomial weights of patterns; beyond, the normal interval of the coefficient linearised in the items' contributions (for
    ordinal distances with the ranks held fixed).

    Args:
        metric: percent | fleiss_kappa | bennett_s | gwet_ac1 | gwet_ac2 | alpha_nominal | alpha_ordinal | alpha_interval |
            alpha_ratio; or another name that begins with "alpha_" where `apart` is given.
        patterns: the votes; units with one vote count for gwet_ac1 and gwet_ac2 only, as Gwet has it.
        seed: of the bootstrap.
        apart: a distance of one's own, between the columns of the patterns.
        most: patterns beyond which the interval is the linearised one; None for `BOOTSTRAP_PATTERNS`.

    Returns:
        The coefficient; None where only one label was ever given, which leaves no disagreement to expect.
    """
    found = _ready(metric, patterns, apart)
    if isinstance(found, Coefficient):
        return found
    sums, items = found
    value = float(sums.coefficients(items[None])[0])
    if items.sum() < 2:
        return Coefficient(value, reason="no interval from one item")
    if len(items) > (BOOTSTRAP_PATTERNS if most is None else most):
        half = Z95 * float(np.sqrt(items @ sums.influence(items) ** 2))
        return Coefficient(value, value - half, value + half)
    sample = [sums.coefficients(weight, sampled=True) for weight in draws(items, sums.labels, seed)]
    return Coefficient(value, *quantiles(np.concatenate(sample), value))


def quantiles(sample: Floats, value: float) -> tuple[float, float]:
    """The 95 % percentile interval of a bootstrap; a sample that drew one label only has no coefficient and does not count."""
    sample = sample[np.isfinite(sample)]
    low, high = np.quantile(sample, [0.025, 0.975]) if len(sample) else (value, value)
    return float(low), float(high)


def draws(items: Floats, labels: int, seed: int) -> Iterator[Floats]:
    """`REPLICATES` samples of as many items as there are, as weights of patterns, in chunks of shape (b, patterns)."""
    number = int(items.sum())
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // (len(items) + labels))
    for start in range(0, REPLICATES, step):
        yield rng.multinomial(number, items / number, size=min(step, REPLICATES - start)).astype(np.float64)


class _Sums:
    """What each pattern adds to the sums of a coefficient, per item."""

    def __init__(self, metric: str, patterns: Patterns, apart: Distance) -> None:
        self.metric, self.counts, self.apart = metric, patterns.counts, apart
        self.size = np.asarray(patterns.counts.sum(axis=1), dtype=np.float64)
        self.several = self.size > 1
        within = apart.rows(patterns.counts) / np.maximum(self.size - 1, 1)
        self.parts = within if metric.startswith("alpha_") else within / self.size
        self.labels = patterns.counts.shape[1]
        if metric.startswith("gwet_"):
            from scipy import sparse

            self.shares = sparse.csr_array(sparse.diags_array(1 / self.size) @ patterns.counts)
            # Weights of a pair of labels are 1 - distance: their sum over all pairs, over the pairs of different labels.
            pairs = self.labels * (self.labels - 1)
            self.alike = (self.labels**2 - float(apart.pairs(np.ones(self.labels)))) / pairs if pairs else 0.0

    def coefficients(self, weight: Floats, *, sampled: bool = False) -> Floats:
        """The coefficient under each row of weights, shape (b,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            observed, expected = self._observed(weight, sampled=sampled), self._expected(weight)
            return np.asarray(1 - observed / expected)

    def _observed(self, weight: Floats, *, sampled: bool = False) -> Floats:
        if self.metric == "alpha_ordinal" and sampled:
            rank = midranks(weight @ self.counts)  # each sample ranks its own votes
            first, second = self.counts @ (rank**2).T, self.counts @ rank.T
            inner = 2 * (self.size[:, None] * first - second**2) / (self.size - 1)[:, None]
            return np.asarray(np.einsum("bp,pb->b", weight, inner) / (weight @ self.size))
        return np.asarray(weight @ self.parts / self._pairable(weight))

    def _pairable(self, weight: Floats) -> Floats:
        return np.asarray(weight @ (self.size if self.metric.startswith("alpha_") else self.several))

    def _expected(self, weight: Floats) -> Floats | float:
        if self.metric == "percent":
            return 1.0
        if self.metric == "bennett_s":
            return 1.0 - 1.0 / int(self.labels)
        if self.metric.startswith("gwet_"):
            share = (weight @ self.shares) / weight.sum(axis=1, keepdims=True)
            return np.asarray(1 - self.alike * (share * (1 - share)).sum(axis=1))
        totals, votes = weight @ self.counts, weight @ self.size
        apart = Squares(midranks(totals)) if self.metric == "alpha_ordinal" else self.apart
        return np.asarray(apart.pairs(totals) / (votes**2 if self.metric == "fleiss_kappa" else votes * (votes - 1)))

    def influence(self, items: Floats) -> Floats:
        """Derivative of the coefficient by the weight of one item of each pattern (infinitesimal jackknife), shape (patterns,)."""
        weight = items[None]
        observed, expected = float(self._observed(weight)[0]), self._expected(weight)
        base = float(self._pairable(weight)[0])
        of_base = self.size if self.metric.startswith("alpha_") else self.several
        by_observed = (self.parts - observed * of_base) / base
        if self.metric in {"percent", "bennett_s"}:
            return np.asarray(-by_observed / float(np.asarray(expected)))
        number = float(np.asarray(expected)[0])
        if self.metric.startswith("gwet_"):
            whole = items.sum()
            share = items @ self.shares / whole
            slope = 1 - 2 * share
            by_expected = -self.alike * (self.shares @ slope - share @ slope) / whole
        else:
            totals, votes = items @ self.counts, float(items @ self.size)
            pairs = votes**2 if self.metric == "fleiss_kappa" else votes * (votes - 1)
            by_pairs = 2 * votes if self.metric == "fleiss_kappa" else 2 * votes - 1
            by_expected = (2 * (self.counts @ self.apart.apply(totals)) - number * by_pairs * self.size) / pairs
        return np.asarray(-by_observed / number + observed / number**2 * by_expected)
