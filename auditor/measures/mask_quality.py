"""How well human masks and polygons fit those that a model predicts: overlooked, badly segmented, swapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _areas, _beside
from auditor.measures._beside import KEY, LOW, SAME_PLACE, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]

__all__ = ["KEY", "SOURCE"]
MEANING = (
    "each human mask or polygon beside each model's predicted ones of its item, pixel by pixel: is it badly segmented, is its "
    "label swapped; and each confident predicted one where no human one lies: was it overlooked"
)
READS = (
    "annotation.item_id", "annotation.annotation_id", "annotation.task", "annotation.type", "annotation.source", "annotation.label",
    "annotation.annotator_id", "annotation.frame", "annotation.confidence", "annotation.polygon", "annotation.mask", "outline",
)  # fmt: skip
OPTIONAL = ("annotation.annotator_id", "annotation.frame", "annotation.polygon", "annotation.mask")
ANY_OF = (("annotation.polygon", "annotation.mask"),)
EMPTY = "no item has both human masks and predicted masks with a confidence above one half"
COLUMNS = _beside.columns("mask", "masks")
_BATCH = 512  # shapes unpacked at once
# Numbered in the order in which they are stored, by item: so is the stream of their masks.
_DRAWN = f"""
FROM annotation WHERE type IN ('mask', 'polygon') AND label IS NOT NULL
  AND (source = 'human' OR (source = 'model' AND confidence > {LOW}))
"""
_SHAPES = f"""
CREATE OR REPLACE TEMP TABLE shape AS
SELECT d.*, o.x, o.y, o.w, o.h FROM (
  SELECT row_number() OVER () - 1 AS n, annotation_id, item_id, annotator_id, task, label, frame, source, confidence {_DRAWN}
) AS d JOIN outline AS o USING (item_id, annotation_id)
WHERE o.w > 0 AND o.h > 0 AND greatest(abs(o.x), abs(o.y), o.x + o.w, o.y + o.h) < {_areas.REACH}
"""
_NEAR = f"""
SELECT a.n AS a, b.n AS b FROM shape AS a JOIN shape AS b
  ON a.item_id = b.item_id AND a.task = b.task AND a.frame IS NOT DISTINCT FROM b.frame
 AND a.x < b.x + b.w AND b.x < a.x + a.w AND a.y < b.y + b.h AND b.y < a.y + a.h
WHERE a.source = 'human' AND (b.source = 'model' OR (b.source = 'human' AND a.n < b.n AND a.label <> b.label
  AND a.annotator_id IS NOT DISTINCT FROM b.annotator_id
  AND least(a.w, b.w) >= {SAME_PLACE} * greatest(a.w, b.w) AND least(a.h, b.h) >= {SAME_PLACE} * greatest(a.h, b.h)))
ORDER BY least(a.n, b.n)
"""
_SHARED = "annotation_id, item_id, task, label, frame, x, y, w, h, n"
_QUERY = _beside.query(
    f"SELECT {_SHARED}, annotator_id FROM shape WHERE source = 'human'",
    f"SELECT {_SHARED}, coalesce(annotator_id, 'model') AS model, confidence FROM shape WHERE source = 'model'",
    "coalesce((SELECT iou FROM near WHERE near.a = p.n AND near.b = g.n), 0.0)",
    f"SELECT unnest([a, b]) AS n FROM near WHERE iou >= {SAME_PLACE} AND b IN (SELECT n FROM human)",
)


def compute(inputs: Inputs) -> pa.Table:
    """Compare masks as runs of pixels; a pixel belongs to a polygon whose inside holds the pixel's centre (even-odd rule).

    Masks of media wider than 20,000 pixels are compared by nobody: they meet nothing.

    Args:
        inputs: the table annotation and the measure outline.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    con.execute(_SHAPES)
    near = con.sql(_NEAR).fetchnumpy()
    a, b = (np.asarray(near[name], np.int64) for name in ("a", "b"))
    con.register("near", pa.table({"a": a, "b": b, "iou": _compared(inputs, a, b)}))
    return con.sql(f"SELECT {', '.join(COLUMNS)} FROM ({_QUERY})").to_arrow_table()


def _compared(inputs: Inputs, a: Ints, b: Ints) -> npt.NDArray[np.float64]:
    """Intersection over union of pairs of numbers, in order of the lower one; the two are of one item."""
    import pyarrow as pa

    ious = np.zeros(len(a))
    low, high = np.minimum(a, b), np.maximum(a, b)
    for start, rows in _whole_items(inputs):
        stop = start + rows.num_rows
        at = slice(*np.searchsorted(low, [start, stop]).tolist())
        if at.start == at.stop:
            continue
        # Only what meets something is unpacked.
        used = np.unique(np.concatenate([low[at], high[at]]))
        told = _unpacked(rows.take(pa.array(used - start)))
        ious[at] = _areas.iou(told, np.searchsorted(used, a[at]), np.searchsorted(used, b[at]))
        inputs.progress("comparing masks", at.stop, len(a))
    return ious


def _whole_items(inputs: Inputs) -> Iterator[tuple[int, Any]]:
    """The number of the first row, and rows with item_id, mask and polygon; the rows of one item come together."""
    import pyarrow as pa

    start, kept = 0, None
    for batch in inputs.con.cursor().sql(f"SELECT item_id, mask, polygon {_DRAWN}").to_arrow_reader(_BATCH):
        rows = pa.Table.from_batches([batch])
        rows = rows if kept is None else pa.concat_tables([kept, rows])
        ids = rows["item_id"]
        last = ids[rows.num_rows - 1].as_py()
        size = rows.num_rows - 1
        while size and ids[size - 1].as_py() == last:
            size -= 1
        if size:
            yield start, rows.slice(0, size)
        start, kept = start + size, rows.slice(size)
    if kept is not None:
        yield start, kept


def _unpacked(rows: pa.Table) -> _areas.Areas:
    import pyarrow as pa
    import pyarrow.compute as pc

    rings = rows["polygon"].combine_chunks()
    drawn = np.asarray(pc.greater(pc.fill_null(pc.list_value_length(rings), 0), 0))
    polygon = np.flatnonzero(drawn)
    each = rings.take(pa.array(polygon))
    ring_of = np.repeat(polygon, np.asarray(pc.list_value_length(each), np.int64))
    lists = each.flatten()
    numbers = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), np.int64)
    flat = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), np.float64)
    ring = np.repeat(np.arange(len(numbers)), numbers)
    # A number without a partner ends no point.
    place = np.arange(len(flat)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    whole = place < (numbers - numbers % 2)[ring]
    flat, ring = flat[whole], ring[whole]
    x, y, ring = flat[::2], flat[1::2], ring[::2]
    shapes = len(drawn)
    told = _areas.runs_of_polygons(x, y, ring, ring_of[ring])
    mask = np.flatnonzero(~drawn)
    code = rows["mask"].combine_chunks().take(pa.array(mask))
    text = code.field("counts").cast(pa.large_string()).fill_null("")
    data = "".join(text.to_pylist()).encode("utf-8")
    ends = np.cumsum(np.asarray(pc.binary_length(text), np.int64))
    height, width = (
        np.asarray(code.field(name).fill_null(0).to_numpy(zero_copy_only=False), np.int64) for name in ("height", "width")
    )
    owner, *rest = _areas.runs_of_masks(np.frombuffer(data, np.uint8), ends, height, width)
    return _areas.areas(shapes, told, (mask[owner], rest[0], rest[1], rest[2]))
