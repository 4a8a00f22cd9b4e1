"""Agreement of every pair of annotators, from one sparse product of counts; no I/O and no loop over pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._stats import Z95, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MOST_LABELS = 2000  # more are texts or measurements: what is asked there is the quadratic kappa alone
MOST_RANKS = 64  # of tau-b, which needs a table of labels by labels for each pair
MOST_VOTE_PAIRS = 300_000_000  # pairs of votes that are looked at: above, of every second, third, … unit only
_WORK = 2_000_000  # pairs of votes at once
_CELLS = 4_000_000  # numbers at once
FIGURES = (
    "raw", "kappa", "kappa_low", "kappa_high", "scott_pi", "pabak", "prevalence", "bias", "kappa_linear", "linear_low",
    "linear_high", "kappa_quadratic", "quadratic_low", "quadratic_high", "tau_b",
)  # fmt: skip


@dataclass(frozen=True)
class Joint:
    """How often a says k where b says l, for pairs a < b of annotators, as cells that are not 0.

    Attributes:
        a: the first annotator of each pair, shape (pairs,).
        b: the second.
        pair: row of `a` and `b` that a cell is of, ascending, shape (cells,).
        k: what a says, shape (cells,).
        l: what b says.
        count: on how many units.
    """

    a: Ints
    b: Ints
    pair: Ints
    k: Ints
    l: Ints  # noqa: E741  # k and l are the letters of the literature
    count: Floats

    def few(self, start: int, stop: int) -> Joint:
        """Some of the pairs."""
        first, last = np.searchsorted(self.pair, [start, stop])
        cells = slice(int(first), int(last))
        return Joint(
            self.a[start:stop], self.b[start:stop], self.pair[cells] - start, self.k[cells], self.l[cells], self.count[cells]
        )


def joints(unit: Ints, person: Ints, label: Ints, shared: int) -> Iterator[Joint]:
    """The joint counts of all pairs who have at least `shared` units in common.

    Args:
        unit: what was voted on, shape (n,); a person votes on it once.
        person: who, shape (n,), 0 or more.
        label: for what, shape (n,), 0 or more.
        shared: fewest units in common.

    Yields:
        Counts of some pairs, each pair once, in the order of (a, b).
    """
    from scipy import sparse

    _, unit = np.unique(unit, return_inverse=True)
    votes = np.bincount(unit)
    step = -(-int((votes.astype(np.float64) ** 2).sum()) // MOST_VOTE_PAIRS)
    if step > 1:
        looked = unit % step == 0
        unit, person, label = unit[looked] // step, person[looked], label[looked]
        votes = np.bincount(unit)
    labels = int(label.max(initial=0)) + 1
    code, row = np.unique(person.astype(np.int64) * labels + label, return_inverse=True)
    who, what = code // labels, code % labels
    shape = (len(code), len(votes))
    said = sparse.csr_array((np.ones(len(row), np.int32), (row.astype(np.int32), unit.astype(np.int32))), shape=shape)
    back = said.T.tocsr()
    work = np.cumsum(np.bincount(row, weights=votes[unit], minlength=len(code)))
    people = np.flatnonzero(np.diff(who, append=-1))  # last row of each person
    start, done = 0, 0.0
    while start < len(code):
        last = people[np.searchsorted(people, start) :]
        inside = last[work[last] - done <= _WORK]
        stop = int(inside[-1] if len(inside) else last[0]) + 1
        product = (said[start:stop] @ back).tocoo()
        yield from _joint(product, who, what, start, shared)
        start, done = stop, float(work[stop - 1])


def _joint(product: Any, who: Ints, what: Ints, start: int, shared: int) -> Iterator[Joint]:
    row, column = product.coords
    row = row.astype(np.int64) + start
    a, b = who[row], who[column]
    later = a < b
    a, b, row, column, count = a[later], b[later], row[later], column[later], product.data[later].astype(np.float64)
    most = int(who.max()) + 1
    code, pair = np.unique(a * most + b, return_inverse=True)
    enough = np.bincount(pair, weights=count, minlength=len(code)) >= shared
    if not enough.any():
        return
    kept = enough[pair]
    number = np.cumsum(enough) - 1
    pair = number[pair[kept]]
    by = np.argsort(pair, kind="stable")
    k, label = what[row[kept]][by], what[column[kept]][by]
    yield Joint(code[enough] // most, code[enough] % most, pair[by], k, label, count[kept][by])


def figures(joint: Joint, labels: int, place: Floats | None) -> dict[str, Floats]:
    """What each pair's table of counts says.

    Args:
        joint: the counts.
        labels: how many labels the task has.
        place: where each label stands on a scale, shape (labels,) and ascending; None for names.

    Returns:
        n (units both voted on) and `FIGURES`, each of shape (pairs,), NaN where undefined. raw: share of equal answers; kappa:
        Cohen's, with a 95 % interval; prevalence: 0 where all labels are as frequent, 1 where one is given only (of two labels
        Byrt's index); bias: share of answers by which the two differ in how often they give each label (of two Byrt's index).

    Source:
        Cohen, EPM 20, 1960, and Psychological Bulletin 70, 1968; errors: Fleiss, Cohen, Everitt, Psychological Bulletin 72, 1969,
        where all agree the lower end of Wilson's interval of raw; Scott, Public Opinion Quarterly 19, 1955; pabak, prevalence and
        bias: Byrt, Bishop, Carlin, J. Clinical Epidemiology 46, 1993; tau-b: Kendall, Rank Correlation Methods, 1948, chapter 3.

    >>> two = Joint(np.zeros(1, int), np.ones(1, int), np.zeros(4, int), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]),
    ...             np.array([20.0, 5.0, 10.0, 15.0]))
    >>> found = figures(two, 2, None)
    >>> [round(float(found[name][0]), 3) for name in ("raw", "kappa", "pabak", "prevalence", "bias")]
    [0.7, 0.4, 0.4, 0.1, 0.1]
    """
    pairs = len(joint.a)
    found = {name: np.full(pairs, np.nan) for name in ("n", *FIGURES)}
    width = min(labels, MOST_LABELS) ** (2 if place is not None and labels <= MOST_RANKS else 1)
    step = max(1, _CELLS // width)
    for start in range(0, pairs, step):
        stop = min(start + step, pairs)
        for name, values in _figures(joint.few(start, stop), labels, place).items():
            found[name][start:stop] = values
    return found


def _figures(joint: Joint, labels: int, place: Floats | None) -> dict[str, Floats]:
    pairs = len(joint.a)

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(joint.pair, weights=values, minlength=pairs), np.float64)

    n = summed(joint.count)
    raw = summed(joint.count * (joint.k == joint.l)) / n
    found = {"n": n, "raw": raw}
    with np.errstate(invalid="ignore", divide="ignore"):
        if labels > MOST_LABELS:
            if place is not None:
                found["kappa_quadratic"] = _moments(joint, place, n, summed)
            return found
        one, other = (
            np.bincount(joint.pair * labels + said, weights=joint.count, minlength=pairs * labels).reshape(pairs, labels)
            / n[:, None]
            for said in (joint.k, joint.l)
        )
        mean = (one + other) / 2
        kinds: list[tuple[str, str, Floats | None]] = [("kappa", "kappa", None)]
        if place is not None:
            apart = np.abs(place[:, None] - place) / (np.ptp(place) or 1.0)
            kinds += [("kappa_linear", "linear", 1 - apart), ("kappa_quadratic", "quadratic", 1 - apart**2)]
        for name, prefix, weights in kinds:
            found[name], found[f"{prefix}_low"], found[f"{prefix}_high"] = _kappa(joint, one, other, n, weights, summed)
        by_chance = (mean**2).sum(axis=1)
        found["scott_pi"] = np.where(by_chance < 1, (raw - by_chance) / (1 - by_chance), np.nan)
        if labels > 1:
            found["pabak"] = (labels * raw - 1) / (labels - 1)
            found["prevalence"] = (labels * mean.max(axis=1) - 1) / (labels - 1)
        found["bias"] = np.abs(one - other).sum(axis=1) / 2
        if place is not None and labels <= MOST_RANKS:
            found["tau_b"] = _tau(joint, one, other, n, labels)
    return found


def _kappa(
    joint: Joint, one: Floats, other: Floats, n: Floats, weights: Floats | None, summed: Any
) -> tuple[Floats, Floats, Floats]:
    """Kappa of agreement weights (None: 1 for equal answers, else 0), and its interval."""
    share = joint.count / n[joint.pair]
    if weights is None:
        weight = (joint.k == joint.l).astype(np.float64)
        first, second = other, one  # mean weight of what a says against all that b says, and the other way round
    else:
        weight = weights[joint.k, joint.l]
        first, second = other @ weights, one @ weights
    seen, by_chance = summed(share * weight), (one * first).sum(axis=1)
    by_chance = np.where(by_chance > 1 - 1e-12, np.nan, by_chance)  # both gave one label only: nothing is left to chance
    kappa = (seen - by_chance) / (1 - by_chance)
    mean = first[joint.pair, joint.k] + second[joint.pair, joint.l]
    left = (weight * (1 - by_chance[joint.pair]) - mean * (1 - seen[joint.pair])) ** 2
    variance = (summed(share * left) - (seen * by_chance - 2 * by_chance + seen) ** 2) / (n * (1 - by_chance) ** 4)
    half = Z95 * np.sqrt(np.maximum(variance, 0))
    floor = (wilson(n, n)[0] - by_chance) / (1 - by_chance)
    low = np.where(seen > 1 - 1e-12, floor, kappa - half)
    return kappa, np.maximum(low, -1.0), np.minimum(kappa + half, 1.0)


def _moments(joint: Joint, place: Floats, n: Floats, summed: Any) -> Floats:
    """Quadratic kappa from means and variances (of numbers it is Lin's coefficient of concordance, Biometrics 45, 1989)."""
    centred = place - place.mean()
    x, y = centred[joint.k], centred[joint.l]
    apart = summed(joint.count * (x - y) ** 2) / n
    first, second = summed(joint.count * x) / n, summed(joint.count * y) / n
    spread = (summed(joint.count * x**2) + summed(joint.count * y**2)) / n - 2 * first * second
    return np.asarray(np.where(spread > 0, 1 - apart / spread, np.nan))


def _tau(joint: Joint, one: Floats, other: Floats, n: Floats, labels: int) -> Floats:
    pairs = len(joint.a)
    cell = (joint.pair * labels + joint.k) * labels + joint.l
    table = np.bincount(cell, weights=joint.count, minlength=pairs * labels**2).reshape(pairs, labels, labels)
    below = table.cumsum(axis=1).cumsum(axis=2)  # answers at most as high in both
    concordant = (table[:, 1:, 1:] * below[:, :-1, :-1]).sum(axis=(1, 2))
    mirrored = table[:, :, ::-1]
    below = mirrored.cumsum(axis=1).cumsum(axis=2)
    discordant = (mirrored[:, 1:, 1:] * below[:, :-1, :-1]).sum(axis=(1, 2))
    untied = (n**2 - ((one * n[:, None]) ** 2).sum(axis=1)) * (n**2 - ((other * n[:, None]) ** 2).sum(axis=1)) / 4
    return np.asarray(np.where(untied > 0, (concordant - discordant) / np.sqrt(np.maximum(untied, 1e-300)), np.nan))
