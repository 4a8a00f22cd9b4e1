"""Differential item functioning: do groups label the same items differently? Mantel and Haenszel's odds ratio, by person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import exchanged

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy import sparse

    from auditor.measures._answers import Answers

    Floats = npt.NDArray[np.float64]

ETS = -2.35  # delta of the Educational Testing Service per unit of log odds (Holland and Thayer 1988, section 4)
_CELLS = 4_000_000  # numbers held at once
FIGURES = ("people", "rest_people", "n", "rest_n", "items", "rate", "rest_rate", "odds_ratio", "low", "high", "p")


@dataclass(frozen=True)
class _Chunk:
    """Some labels: of all votes and of each person."""

    labels: slice
    said: Floats  # votes of everybody for each label, (patterns, labels)
    mine: npt.NDArray[np.bool_]  # entries with these labels
    voted: sparse.csr_array  # votes of each person on each pattern


def functioning(answered: Answers) -> dict[str, Floats]:
    """Compare each group with the rest on each label, item by item.

    Each item is a stratum of its own, the finest score to match on: groups that were given other items are compared on the items
    that they share. The odds ratio is Mantel and Haenszel's, which stays consistent in many small strata. Its error takes people,
    not votes, as what was sampled: the estimating equation sum (A D - psi B C) / N is a sum over the people of either side.
    Two tests have to agree, the interval's t and the group drawn by lot (as in `_groups.compare`).

    Args:
        answered: votes of the groups.

    Returns:
        `FIGURES`, each of shape (groups, labels). people, rest_people: with votes on items that both sides voted on; n, rest_n:
        these votes; items; rate, rest_rate: share of these for the label; odds_ratio with its 95 % interval, above 1 where the
        group gives the label more often; p two-sided. NaN where undefined.

    Source:
        Mantel and Haenszel, JNCI 22, 1959; Holland and Thayer, in Test Validity, 1988; many small strata and clusters: Liang,
        Biometrics 41, 1985; Welch, Biometrika 34, 1947; lot: Mielke and Berry, Permutation Methods, 2007, chapter 2.
    """
    from scipy import sparse

    people, person = np.unique(answered.person, return_inverse=True)
    patterns = len(answered.items)
    voted = sparse.csr_array((answered.votes, (person, answered.pattern)), shape=(len(people), patterns))
    side = answered.group[people]
    everyone = sparse.csc_array(answered.all())
    size = np.asarray(everyone.sum(axis=1), np.float64)
    found = {name: np.full((answered.groups, answered.labels), np.nan) for name in FIGURES}
    if not patterns:
        return found
    step = max(1, _CELLS // max(patterns, len(people)))
    for start in range(0, answered.labels, step):
        labels = slice(start, min(start + step, answered.labels))
        mine = (answered.label >= labels.start) & (answered.label < labels.stop)
        chunk = _Chunk(labels, everyone[:, labels].toarray(), mine, voted)
        width = labels.stop - labels.start
        cell = person[mine] * width + answered.label[mine] - start
        given = np.bincount(cell, weights=answered.votes[mine], minlength=len(people) * width).reshape(-1, width)
        excess = given - voted @ (chunk.said / size[:, None])  # votes beyond the share that the item's label has among all
        for group in range(answered.groups):
            for name, values in _against(answered, group, side, chunk, size, cell, excess).items():
                found[name][group, labels] = values
    return found


def _against(
    answered: Answers,
    group: int,
    side: npt.NDArray[np.int64],
    chunk: _Chunk,
    size: Floats,
    cell: npt.NDArray[np.int64],
    excess: Floats,
) -> dict[str, Floats]:
    from scipy import special, stats

    votes = answered.of(group)
    focal = np.asarray(votes.sum(axis=1), np.float64)
    other = size - focal
    shared = (focal > 0) & (other > 0)
    inverse = (shared / size)[:, None]
    a, items = votes[:, chunk.labels].toarray(), answered.items.astype(np.float64)
    c = chunk.said - a
    b, d = focal[:, None] - a, other[:, None] - c
    place = answered.pattern[chunk.mine], answered.label[chunk.mine] - chunk.labels.start

    def said(weight: Floats) -> Floats:
        """Sum of `weight` over each person's votes for each label."""
        spent = answered.votes[chunk.mine] * weight[place]
        return np.asarray(np.bincount(cell, weights=spent, minlength=excess.size), np.float64).reshape(excess.shape)

    inside = side == group
    of_c, of_a = inverse * c, inverse * a
    with np.errstate(invalid="ignore", divide="ignore"):
        for_, against = items @ (inverse * a * d), items @ (inverse * b * c)
        ratio = for_ / against
        own = said(inverse * d) - ratio * (chunk.voted @ of_c - said(of_c))
        theirs = chunk.voted @ of_a - said(of_a) - ratio * said(inverse * b)
        seen = chunk.voted @ shared.astype(np.float64) > 0
        counted = [np.full(a.shape[1], float((one & seen).sum())) for one in (inside, ~inside)]
        parts = [
            m / (m - 1) * (used[one] ** 2).sum(axis=0)
            for m, used, one in zip(counted, (own, theirs), (inside, ~inside), strict=True)
        ]
        variance = (parts[0] + parts[1]) / for_**2
        freedom = (parts[0] + parts[1]) ** 2 / (parts[0] ** 2 / (counted[0] - 1) + parts[1] ** 2 / (counted[1] - 1))
        known = np.isfinite(ratio) & (ratio > 0) & (variance > 0) & (freedom > 0)
        log = np.where(known, np.log(np.where(known, ratio, 1.0)), np.nan)
        error = np.sqrt(np.where(known, variance, np.nan))
        half = stats.t.ppf(0.975, np.where(known, freedom, np.nan)) * error
        tail = 2 * special.stdtr(np.where(known, freedom, np.nan), -np.abs(log) / error)
        ones = np.ones(a.shape[1])
        lot = exchanged(
            inside.sum() * ones, len(side) * ones, excess[inside].sum(axis=0), (excess**2).sum(axis=0), (excess**3).sum(axis=0)
        )
        n, rest_n = (np.full(a.shape[1], items @ (shared * some)) for some in (focal, other))
        return {
            "people": counted[0], "rest_people": counted[1], "n": n, "rest_n": rest_n, "items": np.full(a.shape[1], items @ shared),
            "rate": items @ (a * shared[:, None]) / n, "rest_rate": items @ (c * shared[:, None]) / rest_n,
            "odds_ratio": np.where(np.isfinite(ratio), ratio, np.nan), "low": np.exp(log - half), "high": np.exp(log + half),
            "p": np.maximum(tail, lot),
        }  # fmt: skip


def ets_class(delta: Floats, low: Floats, high: Floats) -> npt.NDArray[np.str_]:
    """Effect size class of the Educational Testing Service (Zwick and Ercikan, J. Educational Measurement 26, 1989).

    A: negligible, below 1 in size or not significantly other than 0; C: large, at least 1.5 and significantly above 1; B: between.

    Args:
        delta: ETS delta, shape (n,).
        low: lower end of its 95 % interval.
        high: upper end.

    >>> ets_class(np.array([0.5, -1.2, -2.0, 2.0]), np.array([0.1, -1.9, -2.5, -0.5]), np.array([0.9, -0.5, -1.5, 4.5])).tolist()
    ['A', 'B', 'C', 'A']
    """
    size = np.abs(delta)
    nearest = np.where(low > 0, low, np.where(high < 0, -high, 0.0))
    return np.where((size < 1) | ~(nearest > 0), "A", np.where((size >= 1.5) & (nearest > 1), "C", "B"))
