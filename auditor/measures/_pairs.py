"""Whether two people give the same answers against the others more often than their own errors make them do.

The steps, in the order in which `annotator_pair` takes them: `judged` answers make `habits`; with these `compared` sums, for each
ordered pair, how often the one stands against the others and how often the other is expected to say the same; `excess` tests it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._disputes import UNTIMED, Block, Votes, blocks, counted, lead

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Numbers = npt.NDArray[Any]  # what a sum is of: floats, or booleans of single units

PRIOR = 2.0  # votes of the average peer that are added to everybody's own
# An item's other votes weigh against this many votes of its class, since hard items draw the same wrong answer from everybody. On
# the crowds that it was tried on, 5 to 20 told best what a person says; of these the smallest expects most, and so finds least.
CROWD = 5.0
SOON = 60_000_000  # microseconds
# Whose votes together teach nothing (see `companions`): least number of same answers against the others, their least share of the
# units on which one of the two stands against the others, and the least share of these among all on which one of the two does.
COMPANY, COMPANY_SAME, COMPANY_SHARE = 10, 0.75, 0.1
_ROWS = 1 << 21  # answers held before they are summed by pair
_DENSE = 1 << 22  # pairs for each of which a sum can be held


@dataclass(frozen=True)
class Habits:
    """How the people of a task err. The last row is the average peer, who stands for the unknown.

    Attributes:
        slip: chance of a wrong answer where k is right, shape (people + 1, labels k).
        lean: how many times more often than peers with such slips they name label l wrongly, shape (people + 1, labels l).
        scale: makes the chances of the wrong answers sum to `slip`, shape (people + 1, labels k).
        spread: share of label l among the peers' wrong answers where k is right, shape (labels l, labels k).
        share: how often k is right, shape (labels k,).
    """

    slip: Floats
    lean: Floats
    scale: Floats
    spread: Floats
    share: Floats

    def chance(self, who: Ints, label: Ints, right: Ints) -> Floats:
        """Chance that a person gives a label where another, or the same, is right; arrays that broadcast together."""
        width = self.slip.shape[1]
        at, to = who * width + right, who * width + label
        wrong = self.slip.take(at) * self.spread.take(label * width + right) * self.lean.take(to) / self.scale.take(at)
        return np.asarray(np.where(label == right, 1.0 - self.slip.take(at), wrong), np.float64)


def habits(cells: Ints, labels: int, witness: Bools) -> Habits:
    """Estimate everybody's habits from counts, drawn towards the average peer's.

    Args:
        cells: annotator, label given, label that is right, number of votes; shape (4, n).
        labels: number of labels.
        witness: whose answers tell something of the item, shape (people + 1,); the last for the unknown.

    >>> got = habits(np.array([[0, 0, 1], [0, 1, 1], [0, 0, 0], [97, 1, 98]]), 2, np.ones(3, bool))
    >>> got.slip[0].round(3).tolist(), got.chance(np.array([0]), np.array([1]), np.array([0])).round(3).tolist()
    ([0.02, 0.5], [0.02])
    """
    _, given, right, number = cells[:, witness[cells[0]]]
    pooled = np.bincount(given * labels + right, number, labels * labels).reshape(labels, labels)
    total = pooled.sum(axis=0)
    np.fill_diagonal(pooled, 0.0)
    average = (pooled.sum(axis=0) + 0.5) / (total + 1.0)
    # Wrong answers that were seldom or never seen are taken to name labels as all wrong answers do.
    spread = pooled + ((pooled.sum(axis=1) + 1.0) / (pooled.sum() + labels))[:, None]
    np.fill_diagonal(spread, 0.0)
    spread /= np.maximum(spread.sum(axis=0), 1e-300)
    rows, ones = len(witness), np.ones((len(witness), labels))
    return drawn(Habits(np.tile(average, (rows, 1)), ones, ones, spread, (total + 0.5) / (total.sum() + 0.5 * labels)), cells)


def drawn(before: Habits, cells: Ints) -> Habits:
    """Everybody's habits as the cells show them, drawn towards those before by `PRIOR` votes."""
    who, given, right, number = cells
    shape, labels, wrong = before.slip.shape, before.slip.shape[1], given != right

    def table(kept: Bools, column: Ints) -> Floats:
        found = np.bincount(who[kept] * labels + column[kept], number[kept], shape[0] * labels)
        return np.asarray(found.reshape(shape), np.float64)

    slipped = table(wrong, right)
    slip = (slipped + PRIOR * before.slip) / (slipped + table(~wrong, right) + PRIOR)
    lean = (table(wrong, given) + before.lean) / (slipped @ before.spread.T + 1.0)
    return replace(before, slip=slip, lean=lean, scale=np.maximum(lean @ before.spread, 1e-300))


def judged(votes: Votes, witness: Bools, labels: int, step: int, least: int) -> Ints:
    """What known people said in disputed units, against gold or, without it, more than half of the other witnesses.

    Args:
        votes: the disputed votes of a task.
        witness: as in `habits`.
        labels: number of labels.
        step: every how many-th unit is looked at.
        least: how many other witnesses it takes.

    Returns:
        Annotator, label, label that is right, number of votes (each counts for `step`), shape (4, n).
    """
    shape = (len(witness) - 1, labels, labels)
    found: list[Ints] = []
    for block in blocks(votes, step):
        others = lead(block.label, witness[block.annotator], pairs=False)
        told = np.take_along_axis(block.label, np.maximum(others.place, 0).astype(np.int64), axis=0)
        told = np.where((others.place >= 0) & (others.rest >= least), told, -1)
        right = np.where(block.gold >= 0, block.gold, told)
        kept = (block.annotator >= 0) & (right >= 0)
        found.append(np.ravel_multi_index((block.annotator[kept], block.label[kept], right[kept]), shape))
    return np.asarray(counted(found, shape) * np.array([[1], [1], [1], [step]]), np.int64)


@dataclass(frozen=True)
class Sums:
    """Sums over ordered pairs of people of whom the first stands against the others on a unit that both answered; shape (pairs,).

    Attributes:
        code: first * people + second.
        against: units on which the first stands against the others.
        expected: answers of the second that are expected to be the same.
        both: units on which the second stands against the others too.
        same: units on which both say the same.
        later: of these, units on which the second said so later.
        soon: of these, within `SOON`.
    """

    code: Ints
    against: Numbers
    expected: Numbers
    both: Numbers
    same: Numbers
    later: Numbers
    soon: Numbers


def summed(parts: list[Sums], size: int) -> Sums:
    """One row for each code below `size`, ascending."""
    empty = Sums(np.empty(0, np.int64), *[np.empty(0)] * (len(fields(Sums)) - 1))
    code, *weights = (np.concatenate([getattr(part, field.name) for part in (empty, *parts)]) for field in fields(Sums))
    if size > _DENSE:
        kept, code = np.unique(code, return_inverse=True)
        return Sums(kept, *(np.bincount(code, column, len(kept)) for column in weights))
    kept = np.flatnonzero(np.bincount(code, minlength=size))
    return Sums(kept, *(np.bincount(code, column, size)[kept] for column in weights))


def compared(votes: Votes, usual: Habits, witness: Bools, step: int) -> Sums:
    """The sums over all ordered pairs of a task, by code; arguments as for `judged`."""
    size = (len(witness) - 1) ** 2
    parts: list[Sums] = []
    rows = 0
    for block in blocks(votes, step):
        parts.append(_against(block, usual, witness))
        rows += len(parts[-1].code)
        if rows > _ROWS:
            parts, rows = [summed(parts, size)], 0
    return summed(parts, size)


def _against(block: Block, usual: Habits, witness: Bools) -> Sums:
    """Each two votes of a block of which the first stands against the others, as sums of one unit."""
    people, (votes, units) = len(witness) - 1, block.label.shape
    known, counts = block.annotator >= 0, witness[block.annotator]
    who, label = np.where(known, block.annotator, people).astype(np.int64), block.label.astype(np.int64)
    others = lead(block.label, counts, pairs=True)
    majority = np.where(others.place >= 0, label[others.place, np.arange(units)], -1)
    right = np.where(block.gold >= 0, block.gold, majority)
    # Where most of the others give the wrong answer too, gold itself is in doubt.
    against = (right >= 0) & (label[:, None] != right) & (label[:, None] != majority)
    against &= known[:, None] & known & ~np.eye(votes, dtype=bool)[:, :, None]
    pair = np.flatnonzero(against)
    i, at_j = np.divmod(pair, votes * units)
    j, u = np.divmod(at_j, units)
    at_i = i * units + u
    a, b, said, truth, same = who.take(at_i), who.take(at_j), label.take(at_i), right.take(pair), others.same.take(pair)
    mine, theirs = counts.take(at_i), counts.take(at_j)

    # Either this answer is wrong or the others are: what all but the second person said decides, with everybody's habits.
    fit = np.log(usual.chance(who[:, None], label[:, None], label[None]))
    total = np.where(counts[:, None], fit, 0.0).sum(axis=0)
    prior = np.log(usual.share)

    def evidence(place: Ints) -> Floats:
        at = place * units + u
        own, other = fit.take(i * votes * units + at), fit.take(j * votes * units + at)
        return np.asarray(total.take(at) + own * ~mine - other * theirs + prior.take(label.take(at)), np.float64)

    place = np.maximum(others.place.take(pair), 0).astype(np.int64)
    odds = np.exp(np.minimum(evidence(i) - evidence(place), 700.0))
    others_wrong = np.where(block.gold.take(u) >= 0, 0.0, odds / (1.0 + odds))

    # The second person's chance of the same wrong answer: their own, in odds, times what the item's votes say beside the peers'.
    peers = usual.chance(np.full(len(u), people), said, truth)
    votes_for_it = others.count.take(at_i) - mine - (theirs & same)
    item = (CROWD * peers + votes_for_it + 1.0) / (CROWD + others.rest.take(pair) + 1.0)
    slip = usual.chance(b, said, truth)
    odds = slip / (1.0 - slip) * item / (1.0 - item) * (1.0 - peers) / peers
    right_too = 1.0 - usual.slip.take(b * len(prior) + said)
    expected = others_wrong * right_too + (1.0 - others_wrong) * odds / (1.0 + odds)

    before, after = block.time.take(at_i), block.time.take(at_j)
    later = same & (after > before) & (before > UNTIMED)
    both = against.take(j * votes * units + at_i)
    return Sums(a * people + b, np.ones(len(u)), expected, both, same, later, later & (after - before <= SOON))


def paired(sums: Sums, people: int) -> tuple[Sums, Sums]:
    """Both directions of each unordered pair, side by side: from the lower to the higher code, and back; 0 where there is none."""
    first, second = np.divmod(sums.code, max(1, people))
    forth = first < second
    code, place = np.unique(np.where(forth, sums.code, second * people + first), return_inverse=True)

    def side(kept: Bools) -> Sums:
        values = (getattr(sums, field.name)[kept] for field in fields(Sums)[1:])
        return Sums(code, *(np.bincount(place[kept], column, len(code)) for column in values))

    return side(forth), side(~forth)


def against(forth: Sums, back: Sums) -> Floats:
    """Units on which at least one of each pair stands against the others."""
    return forth.against + back.against - forth.both


def companions(forth: Sums, back: Sums, people: int) -> Bools:
    """Pairs who nearly always say the same where one stands against the others, so often that it shapes what is learnt of them.

    Two who copy look faultless where they meet, and whoever contradicts them looks bad: what they say there must not teach habits.
    """
    units = against(forth, back)
    low, high = np.divmod(forth.code, max(1, people))
    total = np.bincount(low, units, people) + np.bincount(high, units, people)
    much = units >= COMPANY_SHARE * np.minimum(total[low], total[high])
    return np.asarray((forth.same >= COMPANY) & (forth.same >= COMPANY_SAME * units) & much, np.bool_)


@dataclass(frozen=True)
class Excess:
    """What the sums of pairs say; arrays of shape (pairs,).

    Attributes:
        expected: same answers expected of independent people, the mean of both directions.
        surplus: there are more than expected.
        copied: share of the answers that must be copied to explain the surplus, 0..1.
        p: upper bound of the chance of so many same answers; 1 without a surplus.
    """

    expected: Floats
    surplus: Bools
    copied: Floats
    p: Floats


def excess(forth: Sums, back: Sums) -> Excess:
    """Test every pair's number of same answers against what is expected.

    In each direction that number is a sum of independent yes-or-no trials with different chances (Poisson binomial). From one above
    its mean, its tail is at most that of the binomial with the mean chance (Hoeffding 1956), which is taken instead. The two p
    values make one, e times their geometric mean, which holds however much they depend on each other (Vovk and Wang 2020).
    Expectations are raised, never lowered, by the ratio of odds that all other pairs of the task show.

    >>> one = [np.array([number]) for number in (0, 50.0, 5.0, 45.0, 45.0, 0.0, 0.0)]
    >>> got = excess(Sums(*one), Sums(*one))
    >>> got.expected.round(2).tolist(), got.copied.round(2).tolist(), bool(got.p[0] < 1e-30)
    ([5.0], [0.89], True)
    """
    from scipy import special

    same = forth.same  # as counted from either direction
    trials, mean = forth.against + back.against, forth.expected + back.expected
    n, e, x = trials.sum() - trials, mean.sum() - mean, 2.0 * (same.sum() - same)
    # One added to each count keeps few other pairs from making wild odds.
    more = np.maximum((x + 1) / (n - x + 1) * (n - e + 1) / (e + 1), 1.0)
    chances = []
    for side in (forth, back):
        odds = more * side.expected / np.maximum(side.against - side.expected, 1e-300)
        chances.append(odds / (1.0 + odds))
    expected = (forth.against * chances[0] + back.against * chances[1]) / 2
    surplus = same > expected
    copied, p = np.zeros(len(same)), np.ones(len(same))
    share = 2.0 * (same - expected) / np.maximum(trials - 2.0 * expected, 1e-300)
    copied[surplus] = np.minimum(share[surplus], 1.0)
    tails = []
    for side, chance in zip((forth, back), chances, strict=True):
        x, n, mean = same[surplus], side.against[surplus].astype(np.int64), chance[surplus]
        tails.append(np.where(x >= n * mean + 1, special.bdtrc(x - 1, n, mean), 1.0))
    p[surplus] = np.minimum(np.e * np.sqrt(tails[0]) * np.sqrt(tails[1]), 1.0)
    return Excess(expected, surplus, copied, p)
