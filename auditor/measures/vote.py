"""Votes: every class or value annotation in integer codes, with what the others and the gold say of its item.

The other measures of agreement and of annotators build on this one: group-bys over its integers cost a quarter of those over text.
A *unit* is one item and one task. A *vote* is an annotator's only answer to a unit: rows with `first AND NOT several`. Copies of an
answer count once; annotators who gave a unit two different answers did not vote on it; a missing answer is no vote. Annotations
of humans without an annotator id count as made by different people. Models, rules, synthetic and gold labels are not votes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.ahead import ahead
from auditor.measures._tally import majority_of_others, order, starts, tally
from auditor.tables import ROW_GROUP, Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]

MEANING = "class and value annotations in integer codes, with the majority of the other votes and the gold label of their item"
SOURCE = "counts; the leave-one-out majority leaves the annotation itself out, and is NULL where the others are tied"
KEY = ("vote",)
SORTED = True
EMPTY = "no annotation is a class or a number"
READS = (
    "annotation.item_id", "annotation.task", "annotation.type", "annotation.source", "annotation.annotator_id", "annotation.label",
    "annotation.value", "annotation.seconds", "annotation.created_at", "vote_code",
)  # fmt: skip
OPTIONAL = ("annotation.annotator_id", "annotation.label", "annotation.value", "annotation.seconds", "annotation.created_at")
ANY_OF = (("annotation.label", "annotation.value"),)
COLUMNS = {
    "vote": Column("INTEGER", "number of the row, in the order of item_id and annotation_id", "0.."),
    "item": Column("INTEGER", "code of the item in vote_item"),
    "task": Column("INTEGER", "code of the task in vote_code"),
    "source": Column("UTINYINT", "0 human | 1 model | 2 rule | 3 synthetic | 4 gold"),
    "annotator": Column("INTEGER", "code of the annotator in vote_code; NULL where unknown", needs="annotation.annotator_id"),
    "label": Column("INTEGER", "code of the label, or of the number given, in vote_code"),
    "first": Column("BOOLEAN", "a human's first answer to this item and task"),
    "several": Column("BOOLEAN", "its annotator gave this item and task at least two different answers"),
    "repeat": Column("BOOLEAN", "its annotator gave this item and task the same answer before"),
    "others": Column(
        "INTEGER",
        "label that most other votes give (a vote's own left out); NULL where tied or none",
        absent="no item has two votes",
    ),
    "gold": Column(
        "INTEGER",
        "the unit's gold label; NULL where there is none, or gold labels differ",
        supply="give --gold FILE",
        absent="no item has a gold label",
    ),
    "seconds": Column("DOUBLE", "time spent on it", "seconds", needs="annotation.seconds"),
    "created_at": Column("TIMESTAMP", "when it was made", "UTC", needs="annotation.created_at"),
}
SOURCES = ("human", "model", "rule", "synthetic", "gold")
HUMAN, GOLD = 0, 4
BATCH = 1 << 19  # rows held at once
_CODED = """
SELECT item, coalesce(enum_code(CAST(task AS vote_task)), 0) AS task,
       coalesce(enum_code(TRY_CAST(source AS vote_source)), 3) AS source,
       coalesce(CAST(enum_code(CAST(annotator_id AS vote_annotator)) AS BIGINT), -1) AS annotator,
       coalesce(CAST(enum_code(CAST(label AS vote_label)) AS BIGINT), -1) AS label, value, seconds, created_at
FROM (
  SELECT *, count(*) FILTER (before IS NULL OR before <> item_id) OVER (ROWS UNBOUNDED PRECEDING) - 1 AS item
  FROM (
    SELECT item_id, task, type, source, annotator_id, label, value, seconds, created_at, lag(item_id) OVER () AS before
    FROM annotation
  )
)
WHERE type IN ('class', 'value') AND (label IS NOT NULL OR isfinite(value))
"""


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Code the annotations, in the order in which they are stored.

    Args:
        inputs: the table annotation, sorted by item_id, and the measure vote_code.

    Returns:
        Arrow with `COLUMNS`, streamed: one row per class or value annotation that says something.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    for name in ("task", "label", "annotator"):
        con.execute(
            f"CREATE OR REPLACE TYPE vote_{name} AS ENUM "
            f"(SELECT text FROM vote_code WHERE kind = '{name}' AND value IS NULL ORDER BY code)"
        )
    con.execute(f"CREATE OR REPLACE TYPE vote_source AS ENUM {SOURCES}")
    numbers = con.sql("SELECT code, value FROM vote_code WHERE kind = 'label' AND value IS NOT NULL ORDER BY code").fetchnumpy()
    schema = pa.schema([
        ("vote", pa.int32()), ("item", pa.int32()), ("task", pa.int32()), ("source", pa.uint8()), ("annotator", pa.int32()),
        ("label", pa.int32()), ("first", pa.bool_()), ("several", pa.bool_()), ("repeat", pa.bool_()), ("others", pa.int32()),
        ("gold", pa.int32()), ("seconds", pa.float64()), ("created_at", pa.timestamp("us")),
    ])  # fmt: skip

    def judged(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Ints, dict[str, npt.NDArray[Any]]]:
        label = column(rows, "label")
        if len(numbers["value"]):
            value = rows["value"].to_numpy(zero_copy_only=False)
            label = np.where(label < 0, numbers["code"][0] + np.searchsorted(numbers["value"], value), label)
        item, task, source, annotator = (column(rows, name) for name in ("item", "task", "source", "annotator"))
        return rows, label, judge(item, task, source, annotator, label)

    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for rows, label, flags in ahead(judged, whole_items(con.sql(_CODED).to_arrow_reader(BATCH))):
            annotator = column(rows, "annotator")
            kept = {
                "vote": np.arange(done, done + len(label)), "label": label,
                **{name: column(rows, name) for name in ("item", "task", "source")},
                "annotator": pa.array(annotator, pa.int32(), mask=annotator < 0),
                **{name: pa.array(flags[name], pa.int32(), mask=flags[name] < 0) for name in ("others", "gold")},
                **{name: flags[name] for name in ("first", "several", "repeat")},
                "seconds": rows["seconds"], "created_at": rows["created_at"],
            }  # fmt: skip
            done += len(label)
            inputs.progress("counting votes", done, None)
            yield pa.record_batch([_array(kept[field.name], field.type) for field in schema], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, even(batches()))


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, np.ndarray):
        return pa.array(values.astype(kind.to_pandas_dtype(), copy=False))
    return values.combine_chunks().cast(kind) if isinstance(values, pa.ChunkedArray) else values.cast(kind)


def column(rows: Any, name: str) -> Ints:
    """An integer column without NULLs as int64, shape (n,)."""
    return np.asarray(rows[name].to_numpy(zero_copy_only=False), dtype=np.int64)


def whole_items(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Batches cut where `item` changes, so that each item lies within one."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in reader:
        if not batch.num_rows:
            continue
        item = column(batch, "item")
        last = int(np.searchsorted(item, item[-1]))
        if last or (held and column(held[-1], "item")[-1] != item[-1]):
            yield pa.concat_batches([*held, batch.slice(0, last)])
            held = []
        held.append(batch.slice(last))
    if held:
        yield pa.concat_batches(held)


def even(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of whole row groups: then the file's bytes do not depend on which thread took which batch."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        whole = rows - rows % ROW_GROUP
        if whole:
            joined = pa.concat_batches(held)
            yield joined.slice(0, whole)
            held, rows = [joined.slice(whole)], rows - whole
    if rows:
        yield pa.concat_batches(held)


def units(item: Ints, task: Ints) -> Ints:
    """Small codes of (item, task), shape (n,)."""
    width = int(task.max(initial=0)) + 1
    unit = (item - item[:1]) * width + task if len(item) else item
    if int(unit.max(initial=0)) > 8 * len(unit):
        unit = np.asarray(np.unique(unit, return_inverse=True)[1], np.int64)
    return unit


def judge(item: Ints, task: Ints, source: Ints, annotator: Ints, label: Ints) -> dict[str, npt.NDArray[Any]]:
    """What each annotation is among the annotations of its unit.

    Args:
        item: code of the item, shape (n,); all annotations of an item are here.
        task: code of the task, shape (n,).
        source: index into `SOURCES`, shape (n,).
        annotator: code of the annotator, -1 where unknown, shape (n,).
        label: code of the label, shape (n,).

    Returns:
        Booleans first, several, repeat and codes others, gold (-1 for none), each of shape (n,), as in `COLUMNS`.

    >>> one, who = np.zeros(3, np.int64), np.arange(3)
    >>> judge(one, one, one, who, np.array([4, 5, 5]))["others"].tolist()
    [5, -1, -1]
    """
    unit = units(item, task)
    people = np.flatnonzero(source == HUMAN)
    known = int(annotator.max(initial=-1)) + 1
    person = np.where(annotator[people] < 0, known + np.arange(len(people)), annotator[people])
    by = order(unit[people], person, label[people])
    rows = people[by]
    pair = starts(unit[rows], person[by])
    answer = pair | starts(label[rows])
    number = np.cumsum(pair) - 1
    different = np.bincount(number[answer], minlength=1)[number] > 1 if len(rows) else pair
    first, several, repeat = (np.zeros(len(item), np.bool_) for _ in range(3))
    first[rows], several[rows], repeat[rows] = pair, different, ~answer
    votes = np.flatnonzero(first & ~several)
    counts = tally(unit[votes], label[votes])
    place = np.full(int(unit.max(initial=0)) + 1, -1, np.int64)
    place[counts.unit] = np.arange(len(counts.unit))
    others = np.full(len(item), -1, np.int64)
    others[votes] = majority_of_others(counts, place[unit[votes]], label[votes])
    rest = np.flatnonzero((source != HUMAN) & (place[unit] >= 0))
    at = place[unit[rest]]
    others[rest] = np.where(counts.top_votes[at] > counts.second_votes[at], counts.top[at], -1)
    return {"first": first, "several": several, "repeat": repeat, "others": others, "gold": _gold(unit, source, label)}


def _gold(unit: Ints, source: Ints, label: Ints) -> Ints:
    """The gold label of each row's unit, -1 without one or where several differ."""
    rows = np.flatnonzero(source == GOLD)
    low = np.full(int(unit.max(initial=0)) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), -1, np.int64)
    np.minimum.at(low, unit[rows], label[rows])
    np.maximum.at(high, unit[rows], label[rows])
    return np.where(low == high, high, -1)[unit]
