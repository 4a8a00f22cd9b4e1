"""Votes over the words of several transcripts of one item: the word transition network, and what most of them say; no I/O.

Source: Fiscus, A post-processing system to yield reduced word error rates: Recognizer Output Voting Error Reduction (ROVER), IEEE
ASRU 1997. Of his two steps the first differs in two details: the transcript that is nearest to the others begins the network, and a
word is aligned to a slot at the cost of the share of transcripts that say something else there (his network asks only whether one
says it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._words import distances

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Small = npt.NDArray[np.int32]
    Floats = npt.NDArray[np.float64]

NOTHING, BEYOND = -1, -2  # in a slot: the transcript has no word there; the item's network ends before it
_CELLS = 1 << 22  # numbers of a table of alignment costs held at once


@dataclass(frozen=True)
class Voted:
    """What was said, by votes.

    Attributes:
        code: words, one transcript after the other, shape (words,).
        start: where each begins in `code`, and the end of the last, shape (n + 1,).
        share: mean over the network's slots of the share of votes for what was chosen, 0..1, shape (n,); 1 for an empty network.
    """

    code: Ints
    start: Ints
    share: Floats


def pairs_of(size: Ints) -> tuple[Ints, Ints]:
    """Every two members of each group, the first before the second, as places of members that stand group by group.

    Args:
        size: members of each group, shape (groups,).

    >>> [side.tolist() for side in pairs_of(np.array([1, 3]))]
    [[1, 1, 2], [2, 3, 3]]
    """
    left = np.repeat(size, size) - 1 - _nth(size)
    first = np.repeat(np.arange(len(left)), left)
    return first, first + 1 + _nth(left)


def _nth(size: Ints) -> Ints:
    """0, 1, … within each group."""
    end = np.cumsum(size)
    return np.arange(int(end[-1]) if len(end) else 0) - np.repeat(end - size, size)


def centrality(signs: list[str], size: Ints) -> Ints:
    """Sum of the distances of each transcript to the others of its item, in words, shape (transcripts,).

    Args:
        signs: transcripts with one character for each word, item by item.
        size: transcripts of each item, shape (items,).
    """
    first, second = pairs_of(size)
    apart = distances([signs[place] for place in first], [signs[place] for place in second])
    return (np.bincount(first, apart, len(signs)) + np.bincount(second, apart, len(signs))).astype(np.int64)


def network(words: Small, length: Ints) -> Small:
    """The network of items with equally many transcripts.

    Args:
        words: numbers of the words, `BEYOND` after the last, shape (items, transcripts, words); the first transcript begins.
        length: words of each, shape (items, transcripts).

    Returns:
        What each transcript has in each slot: a word, `NOTHING`, or `BEYOND`; shape (items, transcripts, slots).

    >>> a = np.array([[[0, 1, 2], [0, 2, BEYOND], [0, 1, 2]]], np.int32)
    >>> network(a, np.array([[3, 2, 3]]))[0].tolist()
    [[0, 1, 2], [0, -1, 2], [0, 1, 2]]
    """
    slots = np.array(words[:, :1])
    used = length[:, 0]
    for nth in range(1, words.shape[1]):
        slots, used = _joined(slots, used, words[:, nth], length[:, nth])
    return slots


def _joined(slots: Small, used: Ints, word: Small, length: Ints) -> tuple[Small, Ints]:
    """The network with one more transcript, and how many slots each item's has then."""
    items, sources, width = slots.shape
    most = int(length.max(initial=0))
    gap = sources - (slots == NOTHING).sum(axis=1).astype(np.int32)  # cost of no word in a slot, in transcripts
    run = np.concatenate([np.zeros((items, 1), np.int32), np.cumsum(gap, axis=1, dtype=np.int32)], axis=1)
    cost = np.empty((most + 1, items, width + 1), np.int32)
    cost[0] = run
    change = np.zeros((max(most, 1), items, width + 1), np.int32)  # cost of a word in the slot before each place
    for row in range(most):
        change[row, :, 1:] = sources - (slots == word[:, row, None, None]).sum(axis=1)
        best = cost[row] + sources
        np.minimum(best[:, 1:], cost[row][:, :-1] + change[row, :, 1:], out=best[:, 1:])
        # Skipping slots to the left of the best place is a running minimum once the cost of skipping is taken out.
        cost[row + 1] = np.minimum.accumulate(best - run, axis=1) + run
    return _merged(slots, used, word, length, cost, change)


def _merged(slots: Small, used: Ints, word: Small, length: Ints, cost: Small, change: Small) -> tuple[Small, Ints]:
    """Walk back along the cheapest alignment of all items at once, slot by slot from the end."""
    items, sources, _ = slots.shape
    every = np.arange(items)
    row, at = length.copy(), used.copy()
    steps: list[tuple[Ints, Ints]] = []  # for each step from the end: slot or -1 for a new one, word's place or -1 for none
    while True:
        live = (row > 0) | (at > 0)
        if not live.any():
            break
        i, j = np.maximum(row - 1, 0), np.maximum(at - 1, 0)
        here = cost[row, every, at]
        both = live & (row > 0) & (at > 0) & (here == cost[i, every, j] + change[i, every, at])
        added = live & ~both & (row > 0) & (here == cost[i, every, at] + sources)
        passed = live & ~both & ~added
        steps.append((np.where(both | passed, j, np.where(added, -1, -2)), np.where(both | added, i, -1)))
        row, at = row - (both | added), at - (both | passed)
    total = len(steps)
    if not total:
        return np.full((items, sources + 1, 0), BEYOND, np.int32), np.zeros(items, np.int64)
    slot = np.stack([step[0] for step in steps[::-1]], axis=1)
    place = np.stack([step[1] for step in steps[::-1]], axis=1)
    count = (slot != -2).sum(axis=1)
    # Items with shorter networks ended their walk earlier: theirs is moved to the front.
    moved = (np.arange(total)[None] + (total - count)[:, None]) % total
    slot, place = np.take_along_axis(slot, moved, 1), np.take_along_axis(place, moved, 1)
    made = np.full((items, sources + 1, total), NOTHING, np.int32)
    if slots.shape[2]:
        kept = np.take_along_axis(slots, np.broadcast_to(np.maximum(slot, 0)[:, None], (items, sources, total)), 2)
        made[:, :-1] = np.where((slot >= 0)[:, None], kept, NOTHING)
    if word.shape[1]:
        made[:, -1] = np.where(place >= 0, np.take_along_axis(word, np.maximum(place, 0), 1), NOTHING)
    made[np.broadcast_to((slot == -2)[:, None], made.shape)] = BEYOND
    return made, count


def elected(slots: Small, weight: Floats, *, without: int | None = None) -> tuple[Small, Floats]:
    """What most votes say in each slot; of equals the transcript that was aligned first decides.

    Args:
        slots: the network, shape (items, transcripts, slots).
        weight: of each transcript's vote, shape (items, transcripts).
        without: a transcript that does not vote.

    Returns:
        The word, `NOTHING` or `BEYOND`, shape (items, slots), and the mean share of the votes that it has, shape (items,).

    >>> slots = np.array([[[0, 1], [0, -1], [0, -1]]], np.int32)
    >>> word, share = elected(slots, np.ones((1, 3)))
    >>> word.tolist(), share.round(3).tolist(), elected(slots, np.ones((1, 3)), without=1)[0].tolist()
    ([[0, -1]], [0.833], [[0, 1]])
    """
    voting = [nth for nth in range(slots.shape[1]) if nth != without]
    chosen, weights = slots[:, voting], weight[:, voting]
    score = np.zeros(chosen.shape)
    for nth in range(len(voting)):
        score += (chosen == chosen[:, nth, None]) * weights[:, nth, None, None]
    # Sums of weights that differ in the order of addition alone are ties.
    first = np.round(score, 9).argmax(axis=1)[:, None]
    word = np.take_along_axis(chosen, first, 1)[:, 0]
    won = np.take_along_axis(score, first, 1)[:, 0] / np.maximum(weights.sum(axis=1), 1e-300)[:, None]
    real = word != BEYOND
    size = real.sum(axis=1)
    share = np.where(size > 0, (won * real).sum(axis=1) / np.maximum(size, 1), 1.0)
    return word, np.asarray(np.round(share, 12), np.float64)


def batches(size: Ints, longest: Ints) -> list[Ints]:
    """Items of equally many transcripts and of like length together, each batch small enough to be aligned at once.

    Args:
        size: transcripts of each item, shape (items,).
        longest: words of its longest transcript, shape (items,).
    """
    by = np.lexsort((np.arange(len(size)), longest, size))
    found: list[Ints] = []
    begin = 0
    for end in range(1, len(by) + 1):
        if end < len(by) and size[by[end]] == size[by[begin]]:
            room = (int(longest[by[end]]) + 1) ** 2 * 2 + (int(longest[by[end]]) + 1) * int(size[by[end]]) * 4
            if (end + 1 - begin) * room <= _CELLS:
                continue
        found.append(by[begin:end])
        begin = end
    return found


@dataclass(frozen=True)
class Aligned:
    """The network of a batch.

    Attributes:
        item: which items, shape (items,).
        member: place of each transcript among all, in the order of alignment, shape (items, transcripts).
        slots: the network, shape (items, transcripts, slots).
    """

    item: Ints
    member: Ints
    slots: Small


def aligned(code: Ints, start: Ints, signs: list[str], size: Ints) -> list[Aligned]:
    """Align the transcripts of each item.

    Args:
        code: numbers of the words, transcript by transcript and these item by item, shape (words,).
        start: where each transcript begins in `code`, and the end of the last, shape (transcripts + 1,).
        signs: transcripts with one character for each word.
        size: transcripts of each item, shape (items,), 1 or more.
    """
    length = np.diff(start)
    first = np.cumsum(size) - size
    item = np.repeat(np.arange(len(size)), size)
    by = np.lexsort((np.arange(len(item)), centrality(signs, size), item))
    longest = np.maximum.reduceat(length, first) if len(first) else length
    found: list[Aligned] = []
    for batch in batches(size, longest):
        member = by[first[batch][:, None] + np.arange(size[batch[0]])]
        many, most = length[member], int(longest[batch].max())
        place = start[member][..., None] + np.arange(most)
        inside = np.arange(most) < many[..., None]
        words = np.full(inside.shape, BEYOND, np.int32)
        words[inside] = code[place[inside]]
        found.append(Aligned(batch, member, network(words, many)))
    return found


def voted(networks: list[Aligned], weight: Floats, items: int) -> Voted:
    """The consensus of each item.

    Args:
        networks: of `aligned`.
        weight: of each transcript's votes, shape (transcripts,).
        items: how many items there are.
    """
    parts = [(one.item, *elected(one.slots, weight[one.member])) for one in networks]
    return _gathered(parts, items)


def voted_without(networks: list[Aligned], weight: Floats, transcripts: int) -> Voted:
    """For each transcript the consensus of the others of its item, in the network that all made; empty where it is alone."""
    parts = [
        (one.member[:, nth], *elected(one.slots, weight[one.member], without=nth))
        for one in networks
        if one.member.shape[1] > 1
        for nth in range(one.member.shape[1])
    ]
    return _gathered(parts, transcripts)


def _gathered(parts: list[tuple[Ints, Small, Floats]], rows: int) -> Voted:
    length, share = np.zeros(rows, np.int64), np.ones(rows)
    for place, word, won in parts:
        length[place], share[place] = (word >= 0).sum(axis=1), won
    start = np.concatenate([[0], np.cumsum(length)])
    code = np.zeros(start[-1], np.int64)
    for place, word, _ in parts:
        said = word >= 0
        target = start[place][:, None] + np.cumsum(said, axis=1) - 1
        code[target[said]] = word[said]
    return Voted(code, start, share)
