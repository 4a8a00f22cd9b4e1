"""The smallest upright box around each polygon and each mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._rle import pixels
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "the box around the points of each polygon and around the pixels of each mask"
SOURCE = "COCO's mask API (Lin et al., ECCV 2014): run lengths, column by column, beginning with zeros"
KEY = ("item_id", "annotation_id")
READS = ("annotation.item_id", "annotation.annotation_id", "annotation.polygon", "annotation.mask")
OPTIONAL = ("annotation.polygon", "annotation.mask")
ANY_OF = (("annotation.polygon", "annotation.mask"),)
EMPTY = "no polygon has a ring, and there are no masks"
_MASKS = "no annotation is a mask"
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the annotation"),
    "kind": Column("VARCHAR", "polygon | mask"),
    "x": Column("DOUBLE", "left edge; NULL where no pixel is set or a coordinate is not finite", "pixels"),
    "y": Column("DOUBLE", "top edge", "pixels"),
    "w": Column("DOUBLE", "width", "pixels"),
    "h": Column("DOUBLE", "height", "pixels"),
    "pixels": Column("BIGINT", "pixels of the mask that are set; NULL for polygons", absent=_MASKS),
    "whole": Column("BOOLEAN", "the mask's code fills its height x width; NULL for polygons", absent=_MASKS),
}
_POLYGONS = """
SELECT item_id, annotation_id, 'polygon' AS kind, x, y, until_x - x AS w, until_y - y AS h, CAST(NULL AS BIGINT) AS pixels,
       CAST(NULL AS BOOLEAN) AS whole
FROM (
  SELECT item_id, annotation_id, list_min(xs) AS x, list_min(ys) AS y, list_max(xs) AS until_x, list_max(ys) AS until_y
  FROM (
    SELECT item_id, annotation_id, flatten(list_transform(polygon, lambda ring: list_slice(ring, 1, len(ring), 2))) AS xs,
           flatten(list_transform(polygon, lambda ring: list_slice(ring, 2, len(ring), 2))) AS ys
    FROM annotation WHERE len(polygon) > 0
  )
)
WHERE isfinite(x + y + until_x + until_y)
"""
_MASK = "SELECT item_id, annotation_id, mask FROM annotation WHERE polygon IS NULL AND mask IS NOT NULL AND mask.counts IS NOT NULL"
_BATCH = 1 << 14  # masks decoded at once


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """The boxes of polygons, and of masks, whose codes are unpacked some thousand at a time.

    Args:
        inputs: the table annotation.

    Returns:
        Arrow with `COLUMNS`, streamed.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    polygons = con.sql(_POLYGONS).to_arrow_reader(1 << 16)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from polygons
        for rows in inputs.con.cursor().sql(_MASK).to_arrow_reader(_BATCH):
            yield _boxes(rows).cast(polygons.schema)

    return pa.RecordBatchReader.from_batches(polygons.schema, batches())


def _boxes(rows: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    mask = rows["mask"]
    # Bytes, not letters: an offset into text counts bytes, and a code that is not ASCII is none.
    code = mask.field("counts").cast(pa.large_string())
    offsets = np.frombuffer(code.buffers()[1], np.int64)[code.offset : code.offset + len(code) + 1]
    data = code.buffers()[2]
    text = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.empty(0, np.uint8)
    height, width = (
        np.asarray(mask.field(name).fill_null(0).to_numpy(zero_copy_only=False), np.int64) for name in ("height", "width")
    )
    found = pixels(text, offsets[1:] - offsets[0], height, width)
    none = found.pixels == 0
    edges = {"x": found.left, "y": found.top, "w": found.right - found.left, "h": found.bottom - found.top}
    return pa.record_batch({
        "item_id": rows["item_id"], "annotation_id": rows["annotation_id"], "kind": pa.array(["mask"] * len(rows)),
        **{name: pa.array(values.astype(np.float64), mask=none) for name, values in edges.items()},
        "pixels": found.pixels, "whole": found.whole,
    })  # fmt: skip
