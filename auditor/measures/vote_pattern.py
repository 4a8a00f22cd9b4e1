"""The different ways in which people voted on an item, and on how many items each occurs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.ahead import ahead
from auditor.measures._tally import fingerprint, order, starts
from auditor.measures.vote import BATCH, column, units, whole_items
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]

MEANING = "distinct multisets of votes of exclusive and numeric tasks, and the items on which each occurs"
SOURCE = "counts: agreement, confusion and their bootstrap need no more than these"
KEY = ("task_code", "pattern", "label")
EMPTY = "no task has labels that exclude each other, or numbers"
READS = ("vote", "vote_task")
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "pattern": Column("UBIGINT", "code of the multiset"),
    "label": Column("INTEGER", "code of a label in it"),
    "votes": Column("INTEGER", "votes for the label on each such item"),
    "items": Column("BIGINT", "items with this multiset"),
}
_VOTES = (
    "SELECT item, task, label FROM vote WHERE first AND NOT several "
    "AND task IN (SELECT task_code FROM vote_task WHERE exclusive OR numeric)"  # stored in the order of items
)


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Count the multisets of votes.

    Args:
        inputs: the measures vote, vote_task.

    Returns:
        Arrow with `COLUMNS`: a row per task, multiset and label in it.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    none = np.empty(0, np.int64)
    batches = whole_items(con.sql(_VOTES).to_arrow_reader(BATCH))
    con.register("counted", pa.concat_tables([_counted(none, none, none), *ahead(_count, batches)]))
    return con.sql(
        "SELECT task_code, pattern, label, CAST(any_value(votes) AS INTEGER) AS votes, CAST(sum(items) AS BIGINT) AS items "
        "FROM counted GROUP BY task_code, pattern, label"
    ).to_arrow_reader(1 << 17)


def _count(rows: pa.RecordBatch) -> pa.Table:
    return _counted(*(column(rows, name) for name in ("item", "task", "label")))


def _counted(item: Ints, task: Ints, label: Ints) -> pa.Table:
    """A row per task, multiset and label in it of the votes on whole items, each array of shape (n,)."""
    import pyarrow as pa

    unit = units(item, task)
    if len(unit) and (unit[1:] < unit[:-1]).any():
        by = order(unit)
        unit, task, label = unit[by], task[by], label[by]
    head = np.flatnonzero(starts(unit))
    size = np.diff(head, append=len(unit))
    pattern, of = fingerprint(unit, label), task[head]
    # One number for task and multiset sorts faster than two; the task itself is read from an item that has it.
    _, one, items = np.unique(pattern + of.astype(np.uint64), return_index=True, return_counts=True)
    # The votes of one item of each kind.
    kind = np.repeat(np.arange(len(one)), size[one])
    votes = label[np.repeat(head[one] - np.cumsum(size[one]) + size[one], size[one]) + np.arange(len(kind))]
    by = order(kind, votes)
    kind, votes = kind[by], votes[by]
    first = np.flatnonzero(starts(kind, votes))
    many = np.diff(first, append=len(kind))
    kind = kind[first]
    return pa.table({
        "task_code": pa.array(of[one][kind], pa.int32()), "pattern": pa.array(pattern[one][kind], pa.uint64()),
        "label": pa.array(votes[first], pa.int32()), "votes": pa.array(many, pa.int32()),
        "items": pa.array(items[kind], pa.int64()),
    })  # fmt: skip
