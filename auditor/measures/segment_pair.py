"""Who speaks when, as two annotators of one item tell it: missed, added and confused seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MEANING = "segments of each two annotators of an item: seconds that one missed, added or gave to another label"
SOURCE = (
    "diarization error: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, section 6; labels mapped "
    "one to one so that they have most seconds in common, by the Hungarian method; no collar"
)
KEY = ("item_id", "task", "annotator_a", "annotator_b")
READS = (
    "annotation.item_id", "annotation.task", "annotation.type", "annotation.source", "annotation.annotator_id", "annotation.label",
    "annotation.start_s", "annotation.end_s",
)  # fmt: skip
OPTIONAL = ("annotation.label",)
EMPTY = "no item has segments by two annotators"
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "task": Column("VARCHAR", "the question asked"),
    "annotator_a": Column("VARCHAR", "the one taken as reference: whose id sorts first"),
    "annotator_b": Column("VARCHAR", "the other"),
    "total": Column("DOUBLE", "a's seconds; where two labels hold at once both count", "seconds"),
    "missed": Column("DOUBLE", "seconds of a that b has not", "seconds"),
    "added": Column("DOUBLE", "seconds of b that a has not: false alarm", "seconds"),
    "confused": Column("DOUBLE", "seconds that both have, under labels that are not each other's", "seconds"),
    "der": Column("DOUBLE", "(missed + added + confused) / total", "0.."),
}
_QUERY = """
SELECT item_id, task, annotator_id, list(start_s ORDER BY start_s, end_s, label) AS start,
       list(end_s ORDER BY start_s, end_s, label) AS until, list(dense ORDER BY start_s, end_s, label) AS label
FROM (
  SELECT *, dense_rank() OVER (PARTITION BY item_id, task, annotator_id ORDER BY label) - 1 AS dense
  FROM annotation
  WHERE type = 'segment' AND source = 'human' AND annotator_id IS NOT NULL AND end_s > start_s
    AND isfinite(start_s) AND isfinite(end_s)
)
GROUP BY item_id, task, annotator_id
QUALIFY count(*) OVER (PARTITION BY item_id, task) > 1
ORDER BY item_id, task, annotator_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare the segments of every two annotators of an item and task who have any.

    Args:
        inputs: the table annotation.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa

    rows = inputs.con.sql(_QUERY).fetchall()
    found: list[tuple[object, ...]] = []
    for place, (item, task, one, *mine) in enumerate(rows):
        for other_item, other_task, two, *theirs in rows[place + 1 :]:
            if (other_item, other_task) != (item, task):
                break
            told = (np.asarray(values) for values in (*mine, *theirs))
            total, *errors = diarization(*told)
            found.append((item, task, one, two, total, *errors, sum(errors) / total))
    kinds = [pa.string()] * 4 + [pa.float64()] * 5
    columns = list(zip(*found, strict=True)) or [()] * len(kinds)
    return pa.table({name: pa.array(values, kind) for name, values, kind in zip(COLUMNS, columns, kinds, strict=True)})


def diarization(
    start: Floats, end: Floats, label: Ints, other_start: Floats, other_end: Floats, other_label: Ints, *, collar: float = 0.0
) -> tuple[float, float, float, float]:
    """Seconds of speech of the reference, and of these missed, added and confused, of one recording.

    Args:
        start: of the reference's segments, in seconds, shape (n,).
        end: their ends, each after its start.
        label: their labels, numbered from 0; overlapping segments of one label count once.
        other_start: of the segments that are compared, shape (m,).
        other_end: their ends.
        other_label: their labels, numbered from 0; they need not be the same names.
        collar: seconds around each end of a reference segment that do not count.

    Returns:
        Total, missed, added, confused.

    >>> a = np.array([0.0, 10.0]), np.array([10.0, 20.0]), np.array([0, 1])
    >>> b = np.array([0.0, 12.0]), np.array([12.0, 22.0]), np.array([1, 0])
    >>> diarization(*a, *b)
    (20.0, 0.0, 2.0, 2.0)
    """
    from scipy import optimize

    edges = np.concatenate([start, end])
    before, after = edges - collar, edges + collar
    grid = np.unique(np.concatenate([edges, other_start, other_end, before, after]))
    length = np.diff(grid)
    if collar > 0:
        length = np.where(_cover(grid, before, after, np.zeros(len(edges), np.int64))[0], 0.0, length)
    mine, theirs = _cover(grid, start, end, label), _cover(grid, other_start, other_end, other_label)
    both = (mine * length) @ theirs.T
    right = float(both[optimize.linear_sum_assignment(both, maximize=True)].sum())
    a, b = mine.sum(axis=0), theirs.sum(axis=0)
    shared = float(np.minimum(a, b) @ length)
    told = (float(a @ length), float(np.maximum(a - b, 0) @ length), float(np.maximum(b - a, 0) @ length), shared - right)
    total, missed, added, confused = (round(value, 9) + 0.0 for value in told)
    return total, missed, added, confused


def _cover(grid: Floats, start: Floats, end: Floats, label: Ints) -> npt.NDArray[np.bool_]:
    """Which steps of the grid each label covers, shape (labels, steps)."""
    count = np.zeros((int(label.max(initial=0)) + 1, len(grid)), np.int64)
    np.add.at(count, (label, np.searchsorted(grid, start)), 1)
    np.add.at(count, (label, np.searchsorted(grid, end)), -1)
    return np.asarray(np.cumsum(count, axis=1)[:, :-1] > 0)
