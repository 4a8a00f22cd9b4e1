"""Votes of groups of people, condensed: items with the same votes from the same groups are one pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _pattern
from auditor.measures._groups import ATTRIBUTES
from auditor.measures._tally import mix

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import numpy.typing as npt
    from scipy import sparse

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

_ATTRIBUTES = f"""
WITH described AS (
  SELECT c.code AS cluster, a.attributes FROM annotator AS a JOIN vote_code AS c ON c.kind = 'annotator' AND c.text = a.annotator_id
), attribute AS ({ATTRIBUTES})
SELECT key, value, cluster FROM attribute ORDER BY key, value, cluster
"""
_VOTES = (
    "SELECT item, annotator, label FROM vote WHERE first AND NOT several AND annotator IS NOT NULL AND task = $task "
    "AND item IN (SELECT item FROM item_vote WHERE task_code = $task AND votes > 1)"
)


@dataclass(frozen=True)
class Answers:
    """Votes of the people of whom an attribute is known, on items with at least two of these.

    Attributes:
        groups: how many values the attribute has.
        labels: how many labels the task has.
        group: group of each person, shape (people,).
        counts: votes of each group for each label, sparse, shape (patterns, groups * labels), the group first.
        items: items with each pattern, shape (patterns,).
        person: of each entry, shape (entries,); an entry is what a person said on all items of a pattern.
        pattern: of each entry.
        label: of each entry.
        votes: of each entry, how many.
    """

    groups: int
    labels: int
    group: Ints
    counts: sparse.csr_array
    items: Ints
    person: Ints
    pattern: Ints
    label: Ints
    votes: Floats

    def of(self, group: int) -> sparse.csr_array:
        """Votes of a group for each label, shape (patterns, labels)."""
        return self.counts[:, group * self.labels : (group + 1) * self.labels]

    def all(self) -> sparse.csr_array:
        """Votes of all groups together, shape (patterns, labels)."""
        from scipy import sparse

        fold = sparse.csr_array(
            (
                np.ones(self.groups * self.labels),
                (np.arange(self.groups * self.labels), np.arange(self.groups * self.labels) % self.labels),
            )
        )
        return self.counts @ fold


def answers(item: Ints, person: Ints, label: Ints, group: Ints, groups: int, labels: int) -> Answers:
    """Condense votes.

    Args:
        item: what was voted on, shape (n,).
        person: who, 0 or more, shape (n,); a person votes on an item once.
        label: for what, shape (n,).
        group: group of each person, -1 where unknown: their votes are left out; shape (people,).
        groups: how many groups there are.
        labels: how many labels there are.

    >>> got = answers(np.array([4, 4, 7, 7]), np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1]), np.array([0, 1]), 2, 2)
    >>> got.counts.toarray().tolist(), got.items.tolist(), got.votes.tolist()
    ([[1.0, 0.0, 0.0, 1.0]], [2], [2.0, 2.0])
    """
    from scipy import sparse

    known = np.flatnonzero(group[person] >= 0)
    if len(item) and (np.diff(item) < 0).any():
        known = known[np.argsort(item[known], kind="stable")]
    item, person, label = item[known], person[known], label[known]
    head = np.flatnonzero(np.diff(item, prepend=-1))
    size = np.diff(head, append=len(item))
    several = np.repeat(size > 1, size)
    item, person, label = item[several], person[several], label[several]
    head = np.flatnonzero(np.diff(item, prepend=-1))
    size = np.diff(head, append=len(item))
    cell = group[person] * labels + label
    codes = np.add.reduceat(mix(cell), head) if len(head) else np.empty(0, np.uint64)
    _, first, pattern, items = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    voted = np.repeat(pattern, size)  # pattern of each vote
    # What an item of each pattern looks like: the votes on its first item.
    model = np.zeros(len(size), np.bool_)
    model[first] = True
    shown = np.repeat(model, size)
    shape = (len(items), groups * labels)
    counts = sparse.csr_array((np.ones(int(shown.sum())), (voted[shown], cell[shown])), shape=shape)
    entry, votes = np.unique((person.astype(np.int64) * max(len(items), 1) + voted) * labels + label, return_counts=True)
    who, rest = np.divmod(entry, max(len(items), 1) * labels)
    return Answers(groups, labels, group, counts, items.astype(np.int64), who, *np.divmod(rest, labels), votes.astype(np.float64))


@dataclass(frozen=True)
class Grouped:
    """An attribute of the people who answered a task.

    Attributes:
        task: which task.
        read: its votes.
        key: the attribute.
        values: its values, in order: the groups.
        votes: item, person and label (column of `read`) of each vote of all people, and the group of each person, -1 where unknown.
    """

    task: _pattern.Task
    read: _pattern.Read
    key: str
    values: list[str]
    votes: tuple[Ints, Ints, Ints, Ints]

    def answers(self) -> Answers:
        """The votes, condensed."""
        return answers(*self.votes, len(self.values), len(self.read.label))

    @property
    def people(self) -> Ints:
        """How many people of each group voted."""
        _, person, _, group = self.votes
        voted = group[np.unique(person)]
        return np.bincount(voted[voted >= 0], minlength=len(self.values))


def grouped(con: duckdb.DuckDBPyConnection) -> Iterator[Grouped]:
    """Every task with every attribute of the annotators that makes at least two groups (at most 50)."""
    found = con.sql(_ATTRIBUTES).fetchnumpy()
    keys = found["key"].astype(str)
    for task in _pattern.tasks(con) if len(keys) else []:
        read = _pattern.read(con, task)
        rows = con.execute(_VOTES, {"task": task.code}).fetchnumpy()
        item, person, label = (np.asarray(rows[name]) for name in ("item", "annotator", "label"))
        given = np.flatnonzero(read.label >= 0)
        place = np.zeros(int(read.label.max(initial=0)) + 1, np.int64)
        place[read.label[given]] = given
        for key in dict.fromkeys(keys.tolist()):
            mine = keys == key
            values, code = np.unique(found["value"][mine].astype(str), return_inverse=True)
            cluster = np.asarray(found["cluster"][mine], np.int64)
            group = np.full(max(int(person.max(initial=-1)), int(cluster.max(initial=-1))) + 1, -1, np.int64)
            group[cluster] = code
            made = Grouped(task, read, key, values.tolist(), (item, person, place[label], group))
            if (made.people > 0).sum() > 1:
                yield made
