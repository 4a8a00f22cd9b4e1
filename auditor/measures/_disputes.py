"""The votes of disputed units, in blocks of units with equally many votes: what `annotator_pair` compares people on.

A unit (one item, one task) is disputed where its votes differ from each other or from its gold label. Where all agree nobody stands
against the others, so only the counts of these votes are kept: of ten million votes perhaps a third is looked at in pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._tally import order, starts
from auditor.measures.vote import column, units, whole_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]
    Codes = npt.NDArray[np.int32]
    Counts = npt.NDArray[np.int16]
    Bools = npt.NDArray[np.bool_]

UNTIMED = np.iinfo(np.int64).min
MOST_VOTES = 1000  # units with more votes are left out: each would make a million pairs
_CELLS = 1 << 18  # pairs of votes held at once: a block's arrays of 8 bytes have 2 MB each
_DENSE = 1 << 20  # codes for each of which a count is held, used or not
_KINDS = {"task": np.int32, "annotator": np.int32, "label": np.int32, "gold": np.int32, "time": np.int64}


@dataclass(frozen=True)
class Votes:
    """Votes in the order of tasks and units; arrays of one length.

    Attributes:
        unit: which unit, ascending within a task.
        task: code of its task.
        annotator: code of the annotator, -1 where unknown.
        label: code of the label.
        gold: code of the unit's gold label, or -1.
        time: when it was given, in microseconds since 1970, or `UNTIMED`.
    """

    unit: Codes
    task: Codes
    annotator: Codes
    label: Codes
    gold: Codes
    time: Ints

    @classmethod
    def joined(cls, parts: list[Votes]) -> Votes:
        """The votes of all parts, each in the order of units."""
        none = cls(np.empty(0, np.int32), *(np.empty(0, kind) for kind in _KINDS.values()))
        votes = cls(*(np.concatenate([getattr(part, field.name) for part in (none, *parts)]) for field in fields(cls)))
        return votes.take(order(votes.task)) if (np.diff(votes.task) < 0).any() else votes

    def take(self, rows: Ints | slice) -> Votes:
        """Some of them."""
        return Votes(*(getattr(self, field.name)[rows] for field in fields(self)))

    def of_task(self, task: int) -> Votes:
        """Those of one task."""
        return self.take(slice(*np.searchsorted(self.task, (task, task + 1))))


@dataclass(frozen=True)
class Block:
    """Units with equally many votes. Units are the last axis: there are many more of them than votes of one.

    Attributes:
        annotator: shape (votes, units), -1 where unknown.
        label: shape (votes, units).
        gold: shape (units,), -1 without gold.
        time: shape (votes, units), `UNTIMED` where it is not known.
    """

    annotator: Codes
    label: Codes
    gold: Codes
    time: Ints


@dataclass(frozen=True)
class Lead:
    """What the others say of a unit, once one vote, or each two of its votes, are left out.

    Attributes:
        same: two votes name one label, shape (votes, votes, units).
        count: votes of witnesses for a vote's label, shape (votes, units).
        rest: votes of witnesses that remain, shape (votes, units) or (votes, votes, units).
        place: number of a vote for the label that more than half of these name, or -1; shaped as `rest`.
    """

    same: Bools
    count: Counts
    rest: Counts
    place: Counts


def read(reader: pa.RecordBatchReader, shape: tuple[int, int, int], apart: Ints | None = None) -> tuple[Votes, Ints]:
    """Split a stream of votes into those of disputed units and the number of the others.

    Args:
        reader: item, task, annotator (-1 where unknown), label, gold (-1 for none), time (`UNTIMED` for none), in item order.
        shape: how many tasks, annotators and labels have codes.
        apart: pairs of people, as codes of (task, lower annotator, higher annotator): where both voted on a unit without gold,
            only one of the two votes is kept; and votes count as agreed only where gold or at least two others agree.

    Returns:
        The votes of disputed units; and task, annotator, label and number, shape (4, n), of known people's votes with which all
        others and gold, at least one of these, agree.
    """
    parts: list[Votes] = []
    agreed: list[Ints] = []
    done = 0
    for rows in whole_items(reader):
        got = {name: rows[name].to_numpy() for name in ("item", *_KINDS)}
        unit = units(column(rows, "item"), got["task"])
        if (np.diff(unit) < 0).any():
            by = order(unit)
            unit, got = unit[by], {name: values[by] for name, values in got.items()}
        if apart is not None:
            kept = ~_spare(unit, got, apart, shape[1])
            unit, got = unit[kept], {name: values[kept] for name, values in got.items()}
        head = np.flatnonzero(starts(unit))
        size = np.diff(head, append=len(unit))
        gold = got["gold"][head]
        low, high = np.minimum.reduceat(got["label"], head), np.maximum.reduceat(got["label"], head)
        disputed = (low < high) | ((gold >= 0) & (gold != low))
        sure = ~disputed & ((size > (1 if apart is None else 2)) | (gold >= 0))
        told = np.repeat(sure, size) & (got["annotator"] >= 0)
        agreed.append(np.ravel_multi_index(tuple(got[name][told] for name in ("task", "annotator", "label")), shape))
        kept = np.repeat(disputed & (size <= MOST_VOTES), size)
        number = np.repeat(np.arange(done, done + len(head), dtype=np.int32), size)
        done += len(head)
        parts.append(Votes(number[kept], *(got[name][kept].astype(kind) for name, kind in _KINDS.items())))
    return Votes.joined(parts), counted(agreed, shape)


def _spare(unit: Ints, votes: dict[str, npt.NDArray[Any]], apart: Ints, people: int) -> Bools:
    """One vote of each two that are to be held apart, where there is no gold: of every other item the one's, else the other's."""
    members = np.unravel_index(apart, (int(apart.max()) // people**2 + 1, people, people))[1:]
    rows = np.flatnonzero((votes["gold"] < 0) & np.isin(votes["annotator"], members))
    at, who, task = unit[rows], votes["annotator"][rows].astype(np.int64), votes["task"][rows].astype(np.int64)
    odd = votes["item"][rows] % 2 == 1
    found = np.zeros(len(unit), np.bool_)
    for lag in range(1, len(rows)):
        near = np.flatnonzero(at[lag:] == at[:-lag])
        if not len(near):
            break
        low, high = np.minimum(who[near], who[near + lag]), np.maximum(who[near], who[near + lag])
        close = np.isin((task[near] * people + low) * people + high, apart)
        first = np.where(odd[near], low, high) == who[near]
        found[rows[np.where(first, near, near + lag)[close]]] = True
    return found


def counted(codes: list[Ints], shape: tuple[int, ...]) -> Ints:
    """How often each code occurs, after the indices that it was made of; shape (len(shape) + 1, n), in the order of codes.

    >>> counted([np.array([4, 1]), np.array([4])], (2, 3)).tolist()
    [[0, 1], [1, 1], [1, 2]]
    """
    size = math.prod(shape)
    if size <= _DENSE:
        total = np.zeros(size, np.int64)
        for part in codes:
            total += np.bincount(part, minlength=size)
        code = np.flatnonzero(total)
        number = total[code]
    else:
        code, number = np.unique(np.concatenate([*codes, np.empty(0, np.int64)]), return_counts=True)
    return np.stack([*np.unravel_index(code, shape), number])


def blocks(votes: Votes, step: int = 1) -> Iterator[Block]:
    """The units of one task, by number of votes, of which every `step`-th is taken."""
    head = np.flatnonzero(starts(votes.unit))
    size = np.diff(head, append=len(votes.unit))[::step]
    head = head[::step]
    for number in np.unique(size):
        of_size = head[size == number]
        for begin in range(0, len(of_size), chunk := max(1, _CELLS // int(number) ** 2)):
            row = of_size[begin : begin + chunk]
            at = row + np.arange(number)[:, None]
            yield Block(votes.annotator[at], votes.label[at], votes.gold[row], votes.time[at])


def lead(label: Codes, witness: Bools, *, pairs: bool) -> Lead:
    """The majority of the others.

    Args:
        label: shape (votes, units).
        witness: whose votes count as evidence, shape (votes, units).
        pairs: leave out each two votes (the diagonal then means nothing), not each one.

    >>> label, witness = np.array([[7], [7], [1]]), np.ones((3, 1), bool)
    >>> lead(label, witness, pairs=False).place[:, 0].tolist()
    [-1, -1, 1]
    >>> int(lead(label, witness, pairs=True).place[0, 1, 0])
    2
    """
    mine = witness.astype(np.int16)
    same = label[:, None] == label
    count = (same & witness).sum(axis=1, dtype=np.int16)
    total = mine.sum(axis=0, dtype=np.int16)
    rest = total - mine[:, None] - mine if pairs else total - mine
    place = np.full(rest.shape, -1, np.int16)
    for first, naming, votes in _foremost(same, count):
        # How far the label is from half of all votes, and what leaving a vote out takes from that.
        margin, part = 2 * votes - total, np.where(naming, mine, -mine)
        np.copyto(place, first, where=margin > (part[:, None] + part if pairs else part))
    return Lead(same, count, rest, place)


def _foremost(same: Bools, count: Counts) -> Iterator[tuple[Counts, Bools, Counts]]:
    """The three labels that most witnesses name, among which any majority of others is: a vote for it, all votes, how many."""
    if len(count) <= 3:
        yield from ((np.full(count.shape[1], place, np.int16), same[place], count[place]) for place in range(len(count)))
        return
    left, every = count.copy(), np.arange(count.shape[1])
    for _ in range(3):
        first = left.argmax(axis=0)
        naming = same[first, :, every].T
        yield first.astype(np.int16), naming, count[first, every]
        left[naming] = -1
