"""Counts of votes per unit (one item, one task), vectorised over sorted runs: what `vote` and `item_vote` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]


def order(*keys: npt.NDArray[np.integer]) -> Ints:
    """Stable order by several keys of non-negative integers, the first key first.

    The keys and the position are packed into one 64-bit number where they fit: sorting that is several times faster than a lexsort.

    >>> order(np.array([1, 0, 1]), np.array([2, 5, 0])).tolist()
    [1, 2, 0]
    """
    length = len(keys[0])
    if not length:
        return np.empty(0, np.int64)
    widths = [int(key.max()).bit_length() for key in keys]
    place = length.bit_length()
    if sum(widths) + place > 63:
        return np.lexsort(keys[::-1])
    packed = np.zeros(length, np.int64)
    for key, width in zip(keys, widths, strict=True):
        packed = (packed << width) | key
    packed = (packed << place) | np.arange(length)
    packed.sort()
    return packed & ((1 << place) - 1)


def starts(*keys: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Where a run of equal keys begins, in sorted arrays.

    >>> starts(np.array([3, 3, 4]), np.array([0, 1, 1])).tolist()
    [True, True, True]
    """
    new = np.zeros(len(keys[0]), np.bool_)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return new


@dataclass(frozen=True)
class Tally:
    """The votes of each unit that has one, in the order of units; all arrays of one length.

    Attributes:
        unit: which unit.
        votes: how many votes it has.
        labels: how many different labels.
        top: the label with most votes, of equals the one with the smallest code.
        top_votes: its votes.
        second: the next label, or -1.
        second_votes: its votes, 0 without one.
        third_votes: votes of the one after, 0 without one.
        entropy: of the votes over labels, in bits.
        pattern: 64-bit code of the multiset of labels: equal for units with equal votes.
    """

    unit: Ints
    votes: Ints
    labels: Ints
    top: Ints
    top_votes: Ints
    second: Ints
    second_votes: Ints
    third_votes: Ints
    entropy: npt.NDArray[np.float64]
    pattern: npt.NDArray[np.uint64]


def tally(unit: Ints, label: Ints) -> Tally:
    """Count votes.

    Args:
        unit: unit of each vote, shape (n,), 0 or more.
        label: label of each vote, shape (n,), 0 or more.

    >>> t = tally(np.array([7, 7, 7, 9]), np.array([1, 0, 1, 2]))
    >>> t.unit.tolist(), t.top.tolist(), t.top_votes.tolist(), t.second_votes.tolist()
    ([7, 9], [1, 2], [2, 1], [1, 0])
    """
    by = order(unit, label)
    unit, label = unit[by], label[by]
    first = np.flatnonzero(starts(unit, label))
    size = np.diff(first, append=len(unit))
    unit, label = unit[first], label[first]
    mixed = mix(label) * size.astype(np.uint64)
    most = int(size.max(initial=0))
    by = order(unit, most - size)  # stable: equals stay in the order of their labels
    label, size = label[by], size[by]
    head = np.flatnonzero(starts(unit))
    labels = np.diff(head, append=len(unit))
    votes = np.add.reduceat(size, head) if len(head) else size

    def at(values: Ints, rank: int, absent: int) -> Ints:
        return np.where(labels > rank, values[np.minimum(head + rank, len(values) - 1)], absent)

    bits: npt.NDArray[np.float64] = size * np.log2(size.astype(np.float64))
    spread = np.add.reduceat(bits, head) / votes if len(head) else np.empty(0)
    entropy = np.asarray(np.round(np.maximum(np.log2(votes.astype(np.float64)) - spread, 0.0), 12), np.float64)
    pattern = np.add.reduceat(mixed, head) if len(head) else mixed
    return Tally(
        unit[head], votes, labels, label[head], size[head],
        at(label, 1, -1), at(size, 1, 0), at(size, 2, 0), entropy, pattern,
    )  # fmt: skip


def fingerprint(unit: Ints, label: Ints) -> npt.NDArray[np.uint64]:
    """64-bit code of the multiset of labels of each unit, as `Tally.pattern`, where the votes stand in the order of units.

    >>> a, b = fingerprint(np.array([0, 0, 0, 1, 1, 1]), np.array([1, 0, 1, 1, 1, 0]))
    >>> a == b == tally(np.zeros(3, np.int64), np.array([0, 1, 1])).pattern[0]
    np.True_
    """
    if not len(unit):
        return np.empty(0, np.uint64)
    code = mix(np.arange(int(label.max()) + 1))[label] if int(label.max()) < len(label) else mix(label)
    return np.add.reduceat(code, np.flatnonzero(starts(unit)))


def mix(code: Ints) -> npt.NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) of each code, so that sums of codes do not meet by accident."""
    bits = (code.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def majority_of_others(counts: Tally, place: Ints, label: Ints) -> Ints:
    """The label that most of the other votes of its unit give, for each vote; -1 where they are tied or there are none.

    Args:
        counts: the tally of all votes.
        place: row of `counts` that holds the vote's unit, shape (n,).
        label: the vote's label, shape (n,).
    """
    top, first = counts.top[place], counts.top_votes[place]
    second, third = counts.second_votes[place], counts.third_votes[place]
    runner = counts.second[place]
    mine = label == top
    # Without its own vote the top label has one less; then the runner-up may lead, if it is not itself tied.
    own = np.where(first - 1 > second, top, np.where((first == second) & (second > third), runner, -1))
    rival = np.where(label == runner, third, second)
    return np.where(mine, own, np.where(first > rival, top, -1))
