"""Whose fault a disagreement is: the item's, the guideline's or a person's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _skill
from auditor.measures._ballots import posterior, without_self
from auditor.measures._stats import benjamini_hochberg, wilson

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditor.measures._poll import Model, Poll

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

MIN_VOTES = 20  # compared votes without which nobody counts as able or as weak
WEAK_GAP = 0.1  # how far the upper end of a weak person's accuracy lies below the median person's
WEAK_HALF = 0.5  # share of the dissent by weak people from which retraining is the answer
MIN_PAIR = 20  # able votes on the items of a pair of labels below which the pair is not judged
MAX_Q = 0.05  # corrected p value up to which a pair of labels counts as confusable
MIN_PEOPLE = 0.5  # share of the able people with enough votes on the pair who confuse it
LIKELY = 0.5  # probability of being unclear from which the guideline is the answer
ROUNDS = 100  # of the mixture of clear and unclear items, at most
MIN_OWN = 5  # votes of a person on a pair's items that are enough
ROUTES = ("guideline", "retraining", "relabel")


@dataclass(frozen=True)
class Disputes:
    """The votes of a task, judged.

    Attributes:
        item: item of each vote, shape (votes,).
        label: label of each vote.
        consensus: the most probable label of the vote's item.
        weak: whether its person is weak.
        accuracy: of its person, drawn towards everybody's.
        second: of each item: the label that most able dissenting votes give, else most of all; -1 without dissent, shape (items,).
        best: the most probable label of each item, shape (items,).
        probability: its probability.
        entropy: of all labels' probabilities, in bits.
    """

    item: Ints
    label: Ints
    consensus: Ints
    weak: Bools
    accuracy: Floats
    second: Ints
    best: Ints
    probability: Floats
    entropy: Floats


def judged(read: Poll, made: Model) -> Disputes:
    """Put each vote beside the consensus and its person's accuracy.

    A person is weak if they have `MIN_VOTES` compared votes and the upper end of their accuracy's interval lies `WEAK_GAP` below
    the median person's; everybody else counts as able.
    """
    votes = read.votes
    best, top, entropy, truth = ([] for _ in range(4))
    for first, last in votes.blocks():
        probability = posterior(votes, first, last, made.log_error, made.log_prior)[0].round(9)
        best.append(probability.argmax(axis=1))
        top.append(probability.max(axis=1))
        positive = np.maximum(probability, 1e-300)
        entropy.append(np.maximum(-(positive * np.log2(positive)).sum(axis=1), 0.0).round(9))
        truth.append(without_self(votes, first, last, made.log_error, made.log_prior)[0])
    others, winner = np.concatenate(truth), np.concatenate(best)
    item = np.repeat(np.arange(votes.items), np.diff(votes.start))
    person, label = votes.person[votes.pair].astype(np.int64), votes.label[votes.pair].astype(np.int64)
    told = others >= 0
    n = np.bincount(person[told], minlength=votes.people).astype(np.float64)
    x = np.bincount(person[told], label[told] == others[told], votes.people).astype(np.float64)
    accuracy, _, high = _skill.shrunk(x, n)
    enough = n >= MIN_VOTES
    usual = np.median(accuracy[enough]) if enough.any() else np.nan
    weak = enough & (high < usual - WEAK_GAP)
    accuracy = np.where(np.isnan(accuracy), np.nanmean(accuracy) if (n > 0).any() else 0.5, accuracy)
    dissent = label != winner[item]
    second = _second(item[dissent], label[dissent], weak[person[dissent]], votes.items, votes.labels)
    return Disputes(
        item, label, winner[item], weak[person], accuracy[person], second, winner, np.concatenate(top), np.concatenate(entropy)
    )


def _second(item: Ints, label: Ints, weak: Bools, items: int, labels: int) -> Ints:
    """What most able dissenting votes of each item say, of equals the first; one able vote outweighs all weak ones."""
    code, place = np.unique(item * labels + label, return_inverse=True)
    able, all_ = np.bincount(place, ~weak, len(code)), np.bincount(place, minlength=len(code))
    by = np.lexsort((code, -all_, -able, code // max(1, labels)))
    found = np.full(items, -1, np.int64)
    owner = code[by] // max(1, labels)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    found[owner[first]] = code[by][first] % max(1, labels)
    return found


def pairs(read: Poll, made: Disputes) -> dict[str, Any]:
    """How often able people give one label where another is the consensus, for each unordered pair of labels.

    Two signs make a pair confusable: more of this dissent than at the task's other pairs (Poisson test with their common rate;
    needs a third label), or dissent that heaps on some items (pairs of dissenting able votes on one item, against what a person's
    slips anywhere would make; Poisson test). The smaller p value counts twice, corrected over the pairs (Benjamini and Hochberg).

    Returns:
        a, b (labels, a < b), n (able votes on items whose consensus is one of them), x (of these, for the other), rate, low, high,
        other_rate (of the other pairs; NaN without), together, together_expected, people (share of the able people with enough
        votes who confuse the pair more than once in twenty), p, q, confusable; each of shape (pairs with dissent,).
    """
    from scipy import special

    labels = read.votes.labels
    able = ~made.weak
    person = read.votes.person[read.votes.pair][able].astype(np.int64)
    item, label, consensus = made.item[able], made.label[able], made.consensus[able]
    dissent = label != consensus
    low, high = np.minimum(label, consensus)[dissent], np.maximum(label, consensus)[dissent]
    code, place = np.unique(low * labels + high, return_inverse=True)
    a, b = np.divmod(code, max(1, labels))
    of_label = np.bincount(consensus, minlength=labels)
    n, x = of_label[a] + of_label[b], np.bincount(place, minlength=len(code))
    # Chances of all pairs together: each able vote is one for each of the other labels.
    chances, total = float(len(label) * max(1, labels - 1)), float(x.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        other = np.where(labels > 2, (total - x) / (chances - n), np.nan)
    more = np.where(labels > 2, special.pdtrc(x - 1, np.maximum(n * np.nan_to_num(other), 1e-12)), 1.0)
    together, expected = _together(item, person, consensus, dissent, place, len(code), (read.votes.items, read.votes.people))
    heaped = np.where(together > 0, special.pdtrc(together - 1, np.maximum(expected, 1e-12)), 1.0)
    p = np.where(n >= MIN_PAIR, np.minimum(1.0, 2 * np.minimum(more, heaped)), np.nan)
    q = benjamini_hochberg(p)
    people = _spread(person, consensus, dissent, place, (a, b), read.votes.people)
    rate_low, rate_high = wilson(x.astype(np.float64), n.astype(np.float64))
    confusable = (np.nan_to_num(q, nan=1.0) <= MAX_Q) & (people >= MIN_PEOPLE)
    return {
        "a": a, "b": b, "n": n, "x": x, "rate": x / n, "low": rate_low, "high": rate_high, "other_rate": other,
        "together": together, "together_expected": expected, "people": people, "p": p, "q": q, "confusable": confusable,
    }  # fmt: skip


def _together(
    item: Ints, person: Ints, consensus: Ints, dissent: Bools, place: Ints, kinds: int, shape: tuple[int, int]
) -> tuple[Ints, Floats]:
    """Pairs of able dissenting votes for one label on one item, and how many slips anywhere would make, shape (pairs,).

    Each person's rate of dissent is drawn to everybody's by ten votes; a dissenting vote is for the pair in question in the
    pair's share of the dissent on items of that consensus.
    """
    items, people = shape
    cell = item[dissent] * max(1, kinds) + place
    _, size = np.unique(cell, return_counts=True)
    owner = np.unique(cell) % max(1, kinds)
    together = np.bincount(owner, size * (size - 1) // 2, kinds).astype(np.int64)
    given = np.bincount(person, minlength=people)
    rate = (np.bincount(person, dissent, people) + 10 * dissent.mean()) / (given + 10) if len(person) else np.zeros(people)
    mine = rate[person]
    first = np.bincount(item, mine, items)
    both = np.maximum(np.square(first) - np.bincount(item, np.square(mine), items), 0) / 2
    # Share of the dissent under each consensus that is for each pair.
    labels = int(consensus.max(initial=0)) + 1
    of_label = np.bincount(consensus[dissent], minlength=labels)
    joint = np.unique(consensus[dissent] * max(1, kinds) + place, return_counts=True)
    label, kind = np.divmod(joint[0], max(1, kinds))
    share = joint[1] / np.maximum(of_label[label], 1)
    winner = np.zeros(items, np.int64)
    winner[item] = consensus
    expected = np.bincount(kind, np.square(share) * np.bincount(winner, both, labels)[label], kinds)
    return together, np.asarray(expected, np.float64)


def _spread(person: Ints, consensus: Ints, dissent: Bools, place: Ints, pair: tuple[Ints, Ints], people: int) -> Floats:
    """Share of the able people with `MIN_OWN` votes on a pair's items who confuse it more than once in twenty, shape (pairs,)."""
    kinds = len(pair[0])
    labels = int(max(consensus.max(initial=0), pair[1].max(initial=0))) + 1
    seen, rows = np.unique(person * labels + consensus, return_counts=True)
    found = np.full(kinds, np.nan)
    slips, times = np.unique(place * people + person[dissent], return_counts=True)
    for kind in range(kinds):
        n = np.zeros(people, np.int64)
        for label in (pair[0][kind], pair[1][kind]):
            mine = seen % labels == label
            n[seen[mine] // labels] += rows[mine]
        x = np.zeros(people, np.int64)
        mine = slips // people == kind
        x[slips[mine] % people] = times[mine]
        enough = n >= MIN_OWN
        found[kind] = (x[enough] > n[enough] / 20).mean() if enough.any() else 0.0
    return found


def unclear(dissent: Ints, votes: Ints) -> Floats:
    """How likely each item is to be one that could be either of two labels, rather than a clear one with slips.

    A mixture: on clear items each vote is a slip with one small chance, on unclear ones it falls either way; the share of unclear
    items and the chance of a slip are learnt by expectation and maximisation. Which of the labels is right is summed out.

    Args:
        dissent: votes for the rarer of the two, shape (items,).
        votes: votes for either, shape (items,).

    Returns:
        Probabilities, shape (items,).

    >>> unclear(np.array([0, 0, 0, 0, 1, 0, 0, 0, 5, 5]), np.full(10, 10)).round(2).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.04, 0.0, 0.0, 0.0, 1.0, 1.0]
    """
    total = max(1.0, float(votes.sum()))
    slip, share = float(np.clip(dissent.sum() / total / 2, 0.005, 0.25)), 0.2
    odds = np.zeros(len(votes))
    for _ in range(ROUNDS):
        right = np.log(slip) * dissent + np.log1p(-slip) * (votes - dissent)
        wrong = np.log(slip) * (votes - dissent) + np.log1p(-slip) * dissent
        clear = np.logaddexp(right, wrong) + np.log1p(-share)
        either = np.log(2) * (1 - votes) + np.log(share)
        odds = 1 / (1 + np.exp(np.clip(clear - either, -700, 700)))
        slips = dissent + (votes - 2 * dissent) * np.exp(wrong - np.logaddexp(right, wrong))
        before = (slip, share)
        slip = float(np.clip(((1 - odds) * slips).sum() / max(1e-9, ((1 - odds) * votes).sum()), 0.001, 0.25))
        share = float(np.clip(odds.mean(), 0.001, 0.9))
        if abs(slip - before[0]) + abs(share - before[1]) < 1e-9:
            break
    return odds.round(9)


def _doubt(made: Disputes, found: dict[str, Any], items: int) -> Floats:
    """Probability that each item is unclear between two confusable labels; 0 where its dissent is for no such label."""
    doubt = np.zeros(items)
    able = ~made.weak
    for kind in np.flatnonzero(found["confusable"]):
        a, b = found["a"][kind], found["b"][kind]
        mine = ((made.best == a) & ((made.second == b) | (made.second < 0))) | (
            (made.best == b) & ((made.second == a) | (made.second < 0))
        )
        used = able & mine[made.item] & ((made.label == a) | (made.label == b))
        size = np.bincount(made.item[used], minlength=items)[mine]
        of_a = np.bincount(made.item[used & (made.label == a)], minlength=items)[mine]
        rows = np.flatnonzero(mine)
        some = made.second[rows] >= 0
        doubt[rows[some]] = unclear(np.minimum(of_a, size - of_a), size)[some]
    return doubt


def routed(made: Disputes, found: dict[str, Any], items: int, labels: int) -> dict[str, Any]:
    """The evidence of each item, and where its disagreement goes.

    guideline: its two labels are confusable, and it is likely one that could be either (`unclear`, by the able votes). Else
        retraining: at least half of the dissent is by weak people. Else relabel: somebody slipped, or the item is odd.

    Returns:
        votes, labels, dissent, expected (dissenting votes, were the item like the others), surplus_p (upper bound of the chance of
        so many; Hoeffding, Annals of Mathematical Statistics 27, 1956, by a binomial with the mean error), able, able_dissent,
        weak, weak_dissent, item_share (of the dissent that the people's usual errors do not explain, 0..1), unclear (0..1), route
        (index into `ROUTES`, -1 without dissent); each of shape (items,).
    """
    from scipy import special

    off = made.label != made.consensus
    size, dissent = np.bincount(made.item, minlength=items), np.bincount(made.item, off, items)
    expected = np.bincount(made.item, 1 - made.accuracy, items)
    weak, weak_dissent = np.bincount(made.item, made.weak, items), np.bincount(made.item, made.weak & off, items)
    different = np.bincount(np.unique(made.item * labels + made.label) // max(1, labels), minlength=items)
    tail = special.bdtrc(np.maximum(dissent - 1, 0), size, np.clip(expected / np.maximum(size, 1), 0, 1))
    surplus = np.where(dissent > expected, tail, 1.0)
    some = dissent > 0
    doubt = _doubt(made, found, items)
    route = np.where(doubt >= LIKELY, 0, np.where(weak_dissent >= WEAK_HALF * dissent, 1, 2))
    share = np.clip(1 - expected / np.maximum(dissent, 1), 0, 1)
    return {
        "votes": size, "labels": different, "dissent": dissent.astype(np.int64), "expected": expected.round(9),
        "surplus_p": surplus,
        "able": size - weak.astype(np.int64), "able_dissent": (dissent - weak_dissent).astype(np.int64),
        "weak": weak.astype(np.int64),
        "weak_dissent": weak_dissent.astype(np.int64), "item_share": share.round(9), "unclear": doubt,
        "route": np.where(some, route, -1),
    }  # fmt: skip
