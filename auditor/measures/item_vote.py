"""The votes on each item, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.ahead import ahead
from auditor.measures._tally import tally
from auditor.measures.vote import BATCH, column, units, whole_items
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]

MEANING = "the votes on each item and task: how many, for which label, how much in agreement"
SOURCE = "counts; entropy: Shannon, A Mathematical Theory of Communication, 1948, section 6"
KEY = ("item", "task_code")
EMPTY = "no person gave a class or a number"
READS = ("vote", "vote_item", "vote_code")
COLUMNS = {
    "item": Column("INTEGER", "code of the item in vote_item"),
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "item_id": Column("VARCHAR", "the item"),
    "task": Column("VARCHAR", "the question asked"),
    "annotators": Column("INTEGER", "people who answered, those who contradict themselves included; each unknown one counts"),
    "votes": Column("INTEGER", "people who gave one answer"),
    "labels": Column("INTEGER", "different labels among the votes"),
    "top": Column("VARCHAR", "label with most votes, of equals the first in the alphabet; NULL without votes"),
    "top_code": Column("INTEGER", "its code in vote_code"),
    "top_votes": Column("INTEGER", "votes for it"),
    "top_share": Column("DOUBLE", "its votes over all votes", "0..1"),
    "tie": Column("BOOLEAN", "another label has as many votes"),
    "entropy": Column("DOUBLE", "entropy of the votes over labels", "bits, 0 where all agree"),
    "pattern": Column("UBIGINT", "equal for items with the same votes"),
}


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Count the votes of each unit.

    Args:
        inputs: the measures vote, vote_item, vote_code.

    Returns:
        Arrow with `COLUMNS`, streamed: one row per item and task that a human answered.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    query = "SELECT item, task, label, several FROM vote WHERE first"  # stored in the order of items
    none = np.empty(0, np.int64)
    empty = _counted(none, none, none, none.astype(np.bool_))
    parts = [empty, *ahead(_count, whole_items(con.sql(query).to_arrow_reader(BATCH)))]
    con.register("tallied", pa.concat_tables(parts))
    return con.sql(
        "SELECT item, task_code, item_id, t.text AS task, annotators, coalesce(votes, 0) AS votes, coalesce(labels, 0) AS labels, "
        "l.text AS top, top_code, top_votes, top_votes / votes AS top_share, tie, entropy, pattern FROM tallied "
        "JOIN vote_item USING (item) JOIN vote_code AS t ON t.kind = 'task' AND t.code = task_code "
        "LEFT JOIN vote_code AS l ON l.kind = 'label' AND l.code = top_code"
    ).to_arrow_reader(1 << 17)


def _count(rows: pa.RecordBatch) -> pa.Table:
    item, task, label = (column(rows, name) for name in ("item", "task", "label"))
    return _counted(item, task, label, rows["several"].to_numpy(zero_copy_only=False).astype(np.bool_))


def _counted(item: Ints, task: Ints, label: Ints, several: npt.NDArray[np.bool_]) -> pa.Table:
    """One row per unit of people's first answers, each array of shape (n,)."""
    import pyarrow as pa

    unit = units(item, task)
    size = int(unit.max(initial=-1)) + 1
    answered = np.bincount(unit, minlength=size)
    where = np.zeros(size, np.int64)
    where[unit] = np.arange(len(unit))
    seen = np.flatnonzero(answered)
    counts = tally(unit[~several], label[~several])
    place = np.full(size, -1, np.int64)
    place[counts.unit] = np.arange(len(counts.unit))
    at = place[seen]

    def of(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
        full = values[np.maximum(at, 0)] if len(values) else np.zeros(len(at), values.dtype)
        return pa.array(full, kind, mask=at < 0)

    return pa.table({
        "item": pa.array(item[where[seen]], pa.int32()), "task_code": pa.array(task[where[seen]], pa.int32()),
        "annotators": pa.array(answered[seen], pa.int32()), "votes": of(counts.votes, pa.int32()),
        "labels": of(counts.labels, pa.int32()), "top_code": of(counts.top, pa.int32()),
        "top_votes": of(counts.top_votes, pa.int32()),
        "tie": of(counts.top_votes == counts.second_votes, pa.bool_()), "entropy": of(counts.entropy, pa.float64()),
        "pattern": of(counts.pattern, pa.uint64()),
    })  # fmt: skip
