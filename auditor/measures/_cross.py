"""Do groups of people agree with one another as well as within themselves?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._sample import percentiles, sample

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy import sparse

    from auditor.measures._answers import Answers
    from auditor.measures._sample import Sample

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

PERMUTATIONS = 1999  # groups drawn by lot; a p value below 1 / 2,000 is not told
_FEWEST = 199  # … where there are too many people for all of them
_OPERATIONS = 1e11  # of all draws of one attribute
_DENSE = 4000  # people whose table of pairs is held whole
MOST_VOTE_PAIRS = 300_000_000


@dataclass(frozen=True)
class Reliability:
    """Of one group against all others with the attribute; arrays of value, low and high (95 %), NaN where undefined.

    Attributes:
        items: items that somebody of the group and somebody else voted on.
        within: alpha of the group.
        rest: alpha of the others.
        cross: cross-replication reliability, 1 - disagreement between the two over what chance makes of it.
        xrr: cross over the root of within * rest: 1 where the groups agree as well with each other as each with itself.
    """

    items: int
    within: Floats
    rest: Floats
    cross: Floats
    xrr: Floats


def reliabilities(answered: Answers, place: Floats | None, seed: int = 0) -> list[Reliability]:
    """Within-group and cross-group reliability of each group, with intervals from a bootstrap of items.

    Args:
        answered: votes of the groups.
        place: position of each label on a scale, for squared distances; None for names.
        seed: of the bootstrap.

    Source:
        Wong, Paritosh, Aroyo, Cross-replication Reliability, ACL 2021, sections 3 and 4 (with missing answers: items weigh as many
        votes as they have); alpha: Krippendorff, Content Analysis, 2018, chapter 12.
    """
    drawn = sample(answered.items, seed) if len(answered.items) else None
    everyone = answered.all()
    return [_reliability(answered.of(group), everyone, answered.items, place, drawn) for group in range(answered.groups)]


def _reliability(
    group: sparse.csr_array, everyone: sparse.csr_array, items: Ints, place: Floats | None, drawn: Sample | None
) -> Reliability:
    from scipy import sparse

    rest = sparse.csr_array(everyone - group)
    mine, other = (np.asarray(counts.sum(axis=1), np.float64) for counts in (group, rest))
    both = (mine > 0) & (other > 0)
    weight = np.where(both, mine + other, 0.0)
    apart = np.where(both, _between(group, rest, mine, other, place) / np.maximum(mine * other, 1), 0.0)
    parts: list[Any] = [np.stack([weight, weight * apart], axis=1)]
    # Totals of what was said on shared items, and of each side's own items with two votes.
    parts += [_totals(counts, both, place) for counts in (group, rest)]
    for counts, size in ((group, mine), (rest, other)):
        several = size > 1
        inner = np.where(several, _between(counts, counts, size, size, place) / np.maximum(size - 1, 1), 0.0)
        parts += [inner[:, None], _totals(counts, several, place)]
    whole = _told([items.astype(np.float64) @ part for part in parts], names=place is None)
    ends = [np.full(len(whole), np.nan)] * 2
    if drawn is not None:
        ends = list(percentiles(_told([drawn.sums(part) for part in parts], names=place is None)))
    told = np.stack([whole, *(np.where(np.isnan(whole), np.nan, end) for end in ends)], axis=1)
    return Reliability(int(items[both].sum()), *told)


def _between(one: sparse.csr_array, other: sparse.csr_array, mine: Floats, theirs: Floats, place: Floats | None) -> Floats:
    """Disagreement over all pairs of a vote of one and a vote of the other, of each pattern."""
    if place is None:
        return np.asarray(mine * theirs - np.asarray(one.multiply(other).sum(axis=1)).ravel(), np.float64)
    return np.asarray(mine * (other @ place**2) + theirs * (one @ place**2) - 2 * (one @ place) * (other @ place))


def _totals(counts: sparse.csr_array, kept: npt.NDArray[np.bool_], place: Floats | None) -> Any:
    """Votes for each label; on a scale their number, sum and sum of squares are all that is needed."""
    from scipy import sparse

    if place is None:
        return sparse.csr_array(sparse.diags_array(kept.astype(np.float64)) @ counts)
    return np.stack([np.where(kept, counts @ power, 0.0) for power in (np.ones(len(place)), place, place**2)], axis=1)


def _told(sums: list[Floats], *, names: bool) -> Floats:
    """within, rest, cross, xrr of sums, the last axis being theirs."""
    shared, group, rest, inner, own, outer, others = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = shared[..., 1] / shared[..., 0]
        expected = _pairs(group, rest, names=names) / (_number(group, names=names) * _number(rest, names=names))
        cross = 1 - observed / expected
        alphas = []
        for disagreement, totals in ((inner, own), (outer, others)):
            votes = _number(totals, names=names)
            chance = _pairs(totals, totals, names=names) / (votes * (votes - 1))
            alphas.append(1 - disagreement[..., 0] / votes / chance)
        within, without = (np.where(np.isfinite(alpha), alpha, np.nan) for alpha in alphas)
        cross = np.where(np.isfinite(cross), cross, np.nan)
        product = np.where((within > 0) & (without > 0), within * without, np.nan)
        return np.stack([within, without, cross, cross / np.sqrt(product)], axis=-1)


def _number(totals: Floats, *, names: bool) -> Floats:
    return np.asarray(totals.sum(axis=-1) if names else totals[..., 0])


def _pairs(one: Floats, other: Floats, *, names: bool) -> Floats:
    if names:
        return np.asarray(one.sum(axis=-1) * other.sum(axis=-1) - (one * other).sum(axis=-1))
    return np.asarray(one[..., 0] * other[..., 2] + other[..., 0] * one[..., 2] - 2 * one[..., 1] * other[..., 1])


def gaps(votes: tuple[Ints, Ints, Ints, Ints], groups: int, place: Floats | None, seed: int = 0) -> tuple[Floats, Floats]:
    """How much more the groups disagree with one another than within themselves, and whether groups drawn by lot do so too.

    The gap is the mean disagreement of pairs of votes across, less the mean of the means within the group and within the rest (an
    energy distance: Szekely and Rizzo, J. Statistical Planning and Inference 143, 2013). People are drawn, not votes: a
    person's habits go with them, so that a few odd people do not make a group.

    Args:
        votes: item, person, label of each vote, shape (n,), and the group of each person, -1 where unknown.
        groups: how many groups there are.
        place: position of each label on a scale, or None.
        seed: of the draws.

    Returns:
        gap and one-sided p (Phipson and Smyth, SAGMB 9, 2010), each of shape (groups,); NaN where a group or its rest has no two
        votes on one item.
    """
    item, person, label, group = votes
    known = group[person] >= 0
    who, place_of = np.unique(person[known], return_inverse=True)
    pairs, apart = _tables(item[known], place_of, label[known], len(who), place)
    mine = group[who]
    rng = np.random.default_rng(seed)
    cost = 2.0 * (len(who) ** 2 if isinstance(pairs, np.ndarray) else pairs.nnz) * groups
    draws = int(np.clip(_OPERATIONS / max(cost, 1), _FEWEST, PERMUTATIONS))
    gap, p = np.full(groups, np.nan), np.full(groups, np.nan)
    for one in range(groups):
        inside = (mine == one).astype(np.float64)
        if not 1 < inside.sum() < len(who) - 1:
            continue
        gap[one] = _gap(pairs, apart, inside[:, None])[0]
        if np.isfinite(gap[one]):
            lot = rng.permuted(np.repeat(inside[:, None], draws, axis=1), axis=0)
            drawn = _gap(pairs, apart, lot)
            # a draw in which nobody of the group shares an item cannot be held against the group
            p[one] = (1 + np.sum(~(drawn < gap[one] - 1e-12))) / (draws + 1)
    return gap, p


def _tables(item: Ints, person: Ints, label: Ints, people: int, place: Floats | None) -> tuple[Any, Any]:
    """For every two people the weight of the pairs of votes that they share, and of the disagreement in these."""
    from scipy import sparse

    _, unit, size = np.unique(item, return_inverse=True, return_counts=True)
    step = -(-int((size.astype(np.float64) ** 2).sum()) // MOST_VOTE_PAIRS)
    kept = (size[unit] > 1) & (unit % step == 0)
    unit, person, label = unit[kept], person[kept], label[kept]
    weight = 1 / (size[unit] - 1.0)  # an item weighs as many votes as it has, as in alpha

    def table(data: Floats, column: Ints, width: int) -> sparse.csr_array:
        return sparse.csr_array((data, (person, column)), shape=(people, width))

    root, units = np.sqrt(weight), len(size)
    voted = table(root, unit, units)
    pairs = voted @ voted.T
    if place is None:
        labels = int(label.max(initial=0)) + 1
        _, answer = np.unique(unit.astype(np.int64) * labels + label, return_inverse=True)
        said = table(root, answer, int(answer.max(initial=0)) + 1)
        apart = pairs - said @ said.T
    else:
        first, second = table(root * place[label], unit, units), table(root * place[label] ** 2, unit, units)
        product = second @ voted.T
        apart = product + product.T - 2 * (first @ first.T)
    made = []
    for matrix in (pairs, apart):
        clear = sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))
        made.append(clear.toarray() if people <= _DENSE else clear)
    return made[0], made[1]


def _gap(pairs: Any, apart: Any, inside: Floats) -> Floats:
    """The gap for each column of `inside`, shape (people, b)."""
    means = []
    for matrix in (apart, pairs):
        rows = np.asarray(matrix.sum(axis=1), np.float64)
        own = np.einsum("pb,pb->b", inside, matrix @ inside)
        touched = rows @ inside
        means.append((own, rows.sum() - 2 * touched + own, touched - own))
    with np.errstate(invalid="ignore", divide="ignore"):
        within, rest, cross = (a / b for a, b in zip(*means, strict=True))
        return np.asarray(cross - (within + rest) / 2)
