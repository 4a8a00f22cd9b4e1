"""Votes of one task in codes without gaps, and what a model of annotators makes of them: one pass in blocks of items.

Every model here is a table of errors: the probability that a person gives a label, given the right one. A pass over the votes turns
it into posteriors of the items and sums these over each person's answers; no posterior of all items is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Codes = npt.NDArray[np.int32]
    Floats = npt.NDArray[np.float64]

_FEW = 16  # labels whose columns are added one by one
BLOCK = 1 << 18  # numbers held at once in a block of items: 2 MB each, which a cache holds


@dataclass(frozen=True)
class Ballots:
    """Votes of one task, in the order of items.

    Attributes:
        start: first vote of each item, and the number of votes, shape (items + 1,).
        pair: which (person, label) each vote is, shape (votes,).
        person: person of each pair, shape (pairs,), ascending.
        label: label of each pair, shape (pairs,), ascending within a person.
        people: how many people.
        labels: how many labels.
    """

    start: Ints
    pair: Codes
    person: Codes
    label: Codes
    people: int
    labels: int

    @property
    def items(self) -> int:
        """How many items."""
        return len(self.start) - 1

    @property
    def votes(self) -> int:
        """How many votes."""
        return len(self.pair)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Ranges of items, each with at most about `BLOCK` numbers in its posteriors."""
        step = max(1, BLOCK // max(1, self.labels))
        for first in range(0, self.items, step):
            yield first, min(first + step, self.items)

    def of(self, first: int, last: int) -> npt.NDArray[np.bool_]:
        """The votes on a range of items as a sparse 0/1 matrix, shape (items of the range, pairs)."""
        from scipy import sparse

        a, b = self.start[first], self.start[last]
        shape = (last - first, len(self.person))
        rows = sparse.csr_array((np.ones(b - a), self.pair[a:b], (self.start[first : last + 1] - a).astype(np.int32)), shape=shape)
        rows.has_sorted_indices = True  # the order within an item does not matter to a product
        return rows  # type: ignore[no-any-return]  # scipy has no types

    def take(self, chosen: Ints) -> Ballots:
        """The votes on some items only, with the same codes of people, labels and pairs."""
        size = np.diff(self.start)[chosen]
        start = np.concatenate([[0], np.cumsum(size)])
        at = np.repeat(self.start[chosen] - start[:-1], size) + np.arange(start[-1])
        return Ballots(start, self.pair[at], self.person, self.label, self.people, self.labels)

    def tally(self) -> Floats:
        """Votes of each pair, shape (pairs,)."""
        return np.bincount(self.pair, minlength=len(self.person)).astype(np.float64)

    def of_people(self, values: Floats) -> Floats:
        """Sums of numbers of pairs over the people, shape (people,) or (people, k)."""
        if not len(values):
            return np.zeros((self.people, *values.shape[1:]))
        seen = np.flatnonzero(np.diff(self.person, prepend=-1))
        total = np.zeros((self.people, *values.shape[1:]))
        total[self.person[seen]] = np.add.reduceat(values, seen, axis=0)
        return total


def ballots(item: npt.NDArray[np.integer], person: npt.NDArray[np.integer], label: npt.NDArray[np.integer]) -> Ballots:
    """Put votes into a form that models take.

    Args:
        item: item of each vote, ascending, shape (n,).
        person: person of each vote, 0.., shape (n,).
        label: label of each vote, 0.., shape (n,).

    >>> made = ballots(np.array([3, 3, 8]), np.array([0, 1, 0]), np.array([1, 1, 0]))
    >>> made.start.tolist(), made.pair.tolist(), made.person.tolist(), made.label.tolist()
    ([0, 2, 3], [1, 2, 0], [0, 0, 1], [0, 1, 1])
    """
    people, labels = int(person.max(initial=-1)) + 1, int(label.max(initial=-1)) + 1
    code = person.astype(np.int64) * labels + label
    seen = np.zeros(people * labels, np.bool_)
    seen[code] = True
    pairs = np.flatnonzero(seen)
    place = np.cumsum(seen, dtype=np.int32) - 1
    first = np.flatnonzero(np.diff(item, prepend=item[:1] - 1)) if len(item) else np.empty(0, np.int64)
    return Ballots(
        np.append(first, len(item)), place[code].astype(np.int32),
        (pairs // max(1, labels)).astype(np.int32), (pairs % max(1, labels)).astype(np.int32), people, labels,
    )  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """Sums over the items of their posteriors.

    Attributes:
        counts: how often each pair was given where each label is right, shape (pairs, labels).
        total: how often each label is right, shape (labels,).
        likelihood: log likelihood of the votes, the right labels summed out, in nats; NaN where no model was asked.
    """

    counts: Floats
    total: Floats
    likelihood: float


def shares(votes: Ballots, first: int, last: int) -> Floats:
    """Share of the votes of each item for each label, shape (items of the range, labels)."""
    a, b = votes.start[first], votes.start[last]
    size = np.diff(votes.start[first : last + 1])
    at = np.repeat(np.arange(last - first), size) * votes.labels + votes.label[votes.pair[a:b]]
    return np.bincount(at, minlength=(last - first) * votes.labels).reshape(-1, votes.labels) / size[:, None]


def posterior(votes: Ballots, first: int, last: int, log_error: Floats, log_prior: Floats) -> tuple[Floats, Floats]:
    """What the votes on a range of items say of the right label.

    Args:
        votes: the votes.
        first: first item of the range.
        last: item after its last.
        log_error: log probability of each pair's label by its person where each label is right, shape (pairs, labels).
        log_prior: log share of each label, shape (labels,).

    Returns:
        Posteriors, shape (items of the range, labels), and the log likelihood of each item's votes, shape (items of the range,).
    """
    return _softmax(votes.of(first, last) @ log_error + log_prior)


def _softmax(spoken: Floats) -> tuple[Floats, Floats]:
    """Rows as probabilities, in place, and the logarithm of the sum of each row's exponentials."""
    most = _over_labels(np.maximum, spoken)
    spoken -= most[:, None]
    np.exp(spoken, out=spoken)
    total = _over_labels(np.add, spoken)
    spoken /= total[:, None]
    return spoken, np.log(total) + most


def _over_labels(reduce: np.ufunc, values: Floats) -> Floats:
    """The maximum or the sum of each row: column by column where they are few, which is several times faster than row by row."""
    if values.shape[1] > _FEW:
        return np.asarray(reduce.reduce(values, axis=1), np.float64)
    found = values[:, 0].copy()
    for label in range(1, values.shape[1]):
        reduce(found, values[:, label], out=found)
    return found


def expect(votes: Ballots, log_error: Floats, log_prior: Floats) -> Expected:
    """One pass over all votes: posteriors, summed over each pair."""
    counts, total, likelihood = np.zeros((len(votes.person), votes.labels)), np.zeros(votes.labels), 0.0
    for first, last in votes.blocks():
        rows = votes.of(first, last)
        probability, spoken = _softmax(rows @ log_error + log_prior)
        counts += rows.T @ probability
        total += probability.sum(axis=0)
        likelihood += float(spoken.sum())
    return Expected(counts, total, likelihood)


def expect_shares(votes: Ballots) -> Expected:
    """The same sums with the shares of the votes as posteriors: where iterations start."""
    counts, total = np.zeros((len(votes.person), votes.labels)), np.zeros(votes.labels)
    for first, last in votes.blocks():
        share = shares(votes, first, last)
        counts += votes.of(first, last).T @ share
        total += share.sum(axis=0)
    return Expected(counts, total, float("nan"))


def without_self(votes: Ballots, first: int, last: int, log_error: Floats, log_prior: Floats) -> tuple[Ints, Floats]:
    """What the other votes on its item say of each vote; that vote itself is taken out, the errors are kept.

    Args:
        votes: the votes.
        first: first item of the range.
        last: item after its last.
        log_error: as in `posterior`.
        log_prior: as in `posterior`.

    Returns:
        For each vote of the range, shape (votes of the range,): the most probable label by the others, -1 where nobody else voted
        or labels are as probable as one another; and the probability that the vote's own label is right, NaN where nobody else
        voted.
    """
    a, b = votes.start[first], votes.start[last]
    size = np.diff(votes.start[first : last + 1])
    spoken = votes.of(first, last) @ log_error + log_prior
    others = np.repeat(spoken, size, axis=0) - log_error[votes.pair[a:b]]
    others -= others.max(axis=1, keepdims=True)
    np.exp(others, out=others)
    others /= others.sum(axis=1, keepdims=True)
    others = others.round(9)  # what is a tie must not depend on the order of a sum
    row = np.arange(b - a)
    best = others.argmax(axis=1)
    top = others[row, best]
    tied = (others == top[:, None]).sum(axis=1) > 1
    alone = np.repeat(size < 2, size)
    return np.where(alone | tied, -1, best), np.where(alone, np.nan, others[row, votes.label[votes.pair[a:b]]])
