"""Boxes, polygons and points over a picture, in the picture's own pixels; the finding's own ones stand out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

# Other shapes of the item, points of one ring, and shapes looked at for one item.
MAX_FAINT, MAX_POINTS, MAX_SHAPES = 25, 120, 2_000
# A finding's shapes are shown in a part of the picture if they fill less than this of its longest side.
_SMALL = 0.3
# The part is this many times as high as they are, and at least this share of the longest side (and so many pixels).
_AROUND, _AT_LEAST, _PIXELS = 2.6, 0.22, 8.0
# Shapes that fill less than this of the part are ringed.
_DOT = 0.08


@dataclass(frozen=True)
class Shape:
    """An outline: an SVG path, its bounds (left, top, right, bottom) in pixels, and what to call it."""

    annotation_id: str
    label: str
    path: str
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """What is drawn over a picture.

    Attributes:
        box: x, y, width, height of the part that is shown, in pixels of the picture.
        whole: the part is the whole picture.
        own: paths of the finding's shapes.
        others: paths of other shapes of the item.
        ring: x, y, radius of a circle around shapes too small to be seen, or None.
    """

    box: tuple[float, float, float, float]
    whole: bool
    own: tuple[str, ...]
    others: tuple[str, ...]
    ring: tuple[float, float, float] | None


def shapes(con: Connection, annotation: Path, item_ids: Collection[str]) -> dict[str, list[Shape]]:
    """Item -> its shapes, in the order of their ids.

    Args:
        con: any connection.
        annotation: the opened table's Parquet file.
        item_ids: the items that are shown.
    """
    found = con.execute(
        "SELECT item_id, annotation_id, coalesce(label, ''), x, y, w, h, coalesce(angle, 0), polygon, keypoints "
        "FROM read_parquet([$file]) WHERE item_id IN (SELECT unnest($items)) "
        "AND (x IS NOT NULL OR polygon IS NOT NULL OR keypoints IS NOT NULL) "
        f"QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY annotation_id) <= {MAX_SHAPES} ORDER BY item_id, annotation_id",
        {"file": str(annotation), "items": list(item_ids)},
    ).fetchall()
    by_item: dict[str, list[Shape]] = {}
    for item_id, annotation_id, label, *geometry in found:
        outline = _outline(*geometry)
        if outline is not None:
            by_item.setdefault(item_id, []).append(Shape(annotation_id, label, *outline))
    return by_item


def view(width: int, height: int, all_shapes: Sequence[Shape], own_ids: Collection[str]) -> View:
    """What to draw for one finding on a picture of `width` x `height` pixels."""
    own = [shape for shape in all_shapes if shape.annotation_id in own_ids][:10]
    others = [shape for shape in all_shapes if shape.annotation_id not in own_ids]
    box = (0.0, 0.0, float(width), float(height))
    ring = None
    if own:
        left, top = min(shape.bounds[0] for shape in own), min(shape.bounds[1] for shape in own)
        right, bottom = max(shape.bounds[2] for shape in own), max(shape.bounds[3] for shape in own)
        extent = max(right - left, bottom - top)
        if extent < _SMALL * max(width, height):
            box = _part(
                width,
                height,
                (left + right) / 2,
                (top + bottom) / 2,
                max(extent * _AROUND, _AT_LEAST * max(width, height), _PIXELS),
            )
        elif left < 0 or top < 0 or right > width or bottom > height:
            # Drawn over the edge: the part outside is what the finding is about.
            edge = min(left, 0.0), min(top, 0.0), max(right, width), max(bottom, height)
            box = _bounded(edge, width, height)
        if extent < _DOT * box[3]:
            ring = ((left + right) / 2, (top + bottom) / 2, max(extent, _DOT * box[3]))
    # Without shapes of its own a finding is about the whole item: others would only hide it.
    near = [shape for shape in others if own and _meets(shape.bounds, box)][:MAX_FAINT]
    whole = box == (0.0, 0.0, float(width), float(height))
    return View(box, whole, tuple(s.path for s in own), tuple(s.path for s in near), ring)


def _part(width: int, height: int, x: float, y: float, side: float) -> tuple[float, float, float, float]:
    """A 4:3 part around (x, y), moved inside the picture where it can be."""
    high = min(side, float(height))
    wide = min(high * 4 / 3, float(width))
    left = min(max(x - wide / 2, 0.0), width - wide)
    top = min(max(y - high / 2, 0.0), height - high)
    return (round(left, 1), round(top, 1), round(wide, 1), round(high, 1))


def _bounded(edge: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    # A box a million pixels outside does not shrink the picture to a dot.
    left, top = max(edge[0], -width), max(edge[1], -height)
    right, bottom = min(edge[2], 2.0 * width), min(edge[3], 2.0 * height)
    return (round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1))


def _meets(bounds: tuple[float, float, float, float], box: tuple[float, float, float, float]) -> bool:
    return bounds[0] <= box[0] + box[2] and bounds[2] >= box[0] and bounds[1] <= box[1] + box[3] and bounds[3] >= box[1]


def _outline(
    x: float | None,
    y: float | None,
    w: float | None,
    h: float | None,
    angle: float,
    polygon: list[list[float]] | None,
    keypoints: list[Mapping[str, Any]] | None,
) -> tuple[str, tuple[float, float, float, float]] | None:
    """An SVG path and its bounds, or None where there is no finite number to draw.

    >>> _outline(1, 2, 0, 5, 0, None, None)
    ('M1 2L1 2L1 7L1 7Z', (1.0, 2.0, 1.0, 7.0))
    """
    rings: list[list[tuple[float, float]]] = []
    if polygon:
        rings = [list(zip(ring[0::2], ring[1::2], strict=False))[:MAX_POINTS] for ring in polygon[:10] if ring]
    elif x is not None and y is not None and w is not None and h is not None:
        turn = math.radians(angle) if math.isfinite(angle) else 0.0
        across, down = (w * math.cos(turn), w * math.sin(turn)), (-h * math.sin(turn), h * math.cos(turn))
        rings = [
            [(x, y), (x + across[0], y + across[1]), (x + across[0] + down[0], y + across[1] + down[1]), (x + down[0], y + down[1])]
        ]
    dots = [(point["x"], point["y"]) for point in (keypoints or [])[:MAX_POINTS] if point and point["v"] != 0]
    every = [*(point for ring in rings for point in ring), *dots]
    if not every or not all(value is not None and math.isfinite(value) and abs(value) < 1e9 for point in every for value in point):
        return None
    path = "".join("M" + "L".join(f"{_short(px)} {_short(py)}" for px, py in ring) + "Z" for ring in rings)
    path += "".join(f"M{_short(px)} {_short(py)}h0" for px, py in dots)
    across_all, down_all = [float(point[0]) for point in every], [float(point[1]) for point in every]
    return path, (min(across_all), min(down_all), max(across_all), max(down_all))


def _short(value: float) -> str:
    return f"{round(value, 1):.10g}"
