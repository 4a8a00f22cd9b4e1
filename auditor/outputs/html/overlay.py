"""Boxes, polygons, masks and points over a picture, in the picture's own pixels; the finding's own ones stand out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.outputs.html import outline
from auditor.outputs.html.findings import seen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

# Other shapes of the item, points of one of these, points of a skeleton, and shapes looked at for one item.
MAX_FAINT, FAINT_POINTS, MAX_DOTS, MAX_SHAPES = 25, 24, 120, 2_000
# Shapes of the finding that are drawn.
_MAX_OWN = 10
# A finding's shapes are shown in a part of the picture if they fill less than this of its longest side.
_SMALL = 0.3
# The part is this many times as high as they are, and at least this share of the longest side (and so many pixels).
_AROUND, _AT_LEAST, _PIXELS = 2.6, 0.22, 8.0
# Shapes that fill less than this of the part are ringed.
_DOT = 0.08
# Beyond the picture so much more is shown, as a share of its longest side, so that what lies outside is not cut.
_MARGIN = 0.05
_NAME = 24  # characters of a label in the legend


@dataclass(frozen=True)
class Shape:
    """An outline: an SVG path, its bounds (left, top, right, bottom) in pixels, and what to call it; and points, if it has any."""

    annotation_id: str
    label: str
    path: str
    bounds: tuple[float, float, float, float]
    dots: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Mark:
    """The shapes of a finding that are drawn in one colour.

    Attributes:
        kind: "own" or "twin", the style's words.
        path: outlines.
        dots: points inside the part that is shown, as a path of dots.
        far: points beyond it, each where it leaves.
        name: what the legend says.
    """

    kind: str
    path: str
    dots: str
    far: str
    name: str


@dataclass(frozen=True)
class View:
    """What is drawn over a picture.

    Attributes:
        box: x, y, width, height of the part that is shown, in pixels of the picture.
        whole: the part is the whole picture.
        beyond: the part reaches outside the picture, whose edge is drawn.
        marks: the finding's shapes: of two that it compares, each in its colour.
        others: paths of other shapes of the item.
        ring: x, y, radius of a circle around shapes too small to be seen, or None.
    """

    box: tuple[float, float, float, float]
    whole: bool
    beyond: bool
    marks: tuple[Mark, ...]
    others: tuple[str, ...]
    ring: tuple[float, float, float] | None

    @property
    def size(self) -> int:
        """Characters that its paths take on the page."""
        return sum(2 * len(mark.path + mark.dots + mark.far) for mark in self.marks) + sum(map(len, self.others))


def shapes(con: Connection, annotation: Path, item_ids: Collection[str], own_ids: Collection[str]) -> dict[str, list[Shape]]:
    """Item -> its shapes, in the order of their ids.

    Args:
        con: any connection.
        annotation: the opened table's Parquet file.
        item_ids: the items that are shown.
        own_ids: the annotations that findings are about: of these the masks are drawn, of others the boxes around them.
    """
    found = con.execute(
        "SELECT item_id, annotation_id, coalesce(label, ''), x, y, w, h, coalesce(angle, 0), polygon, keypoints, "
        f"CASE WHEN annotation_id IN (SELECT unnest($own)) AND length(mask.counts) <= {outline.MAX_CODE} THEN mask END "
        "FROM read_parquet([$file]) WHERE item_id IN (SELECT unnest($items)) "
        "AND (x IS NOT NULL OR polygon IS NOT NULL OR keypoints IS NOT NULL OR mask IS NOT NULL) "
        f"QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY annotation_id) <= {MAX_SHAPES} "
        "OR annotation_id IN (SELECT unnest($own)) ORDER BY item_id, annotation_id",
        {"file": str(annotation), "items": list(item_ids), "own": list(own_ids)},
    ).fetchall()
    by_item: dict[str, list[Shape]] = {}
    for item_id, annotation_id, label, *geometry in found:
        most = outline.MAX_POINTS if annotation_id in own_ids else FAINT_POINTS
        drawn = _outline(*geometry, most=most)
        if drawn is not None:
            by_item.setdefault(item_id, []).append(Shape(annotation_id, label, *drawn))
    return by_item


def view(width: int, height: int, all_shapes: Sequence[Shape], own_ids: Collection[str], first: str | None = None) -> View:
    """What to draw for one finding on a picture of `width` x `height` pixels.

    Args:
        width: of the picture.
        height: of the picture.
        all_shapes: the item's.
        own_ids: the annotations that the finding names.
        first: the one that it is about; the others that it names have a colour of their own.
    """
    own = [shape for shape in all_shapes if shape.annotation_id in own_ids]
    own = sorted(own, key=lambda shape: shape.annotation_id != first)[:_MAX_OWN]
    others = [shape for shape in all_shapes if shape.annotation_id not in own_ids]
    picture = (0.0, 0.0, float(width), float(height))
    box, ring = picture, None
    if own:
        left, top = min(shape.bounds[0] for shape in own), min(shape.bounds[1] for shape in own)
        right, bottom = max(shape.bounds[2] for shape in own), max(shape.bounds[3] for shape in own)
        extent = max(right - left, bottom - top)
        area = picture
        if left < 0 or top < 0 or right > width or bottom > height:
            # Drawn over the edge: the part outside is what the finding is about.
            area = _bounded((min(left, 0.0), min(top, 0.0), max(right, width), max(bottom, height)), width, height)
        box = area
        if extent < _SMALL * max(width, height):
            side = max(extent * _AROUND, _AT_LEAST * max(width, height), _PIXELS)
            box = _part(area, (left + right) / 2, (top + bottom) / 2, side)
        if extent < _DOT * box[3] and not any(shape.dots for shape in own):
            ring = ((left + right) / 2, (top + bottom) / 2, max(extent, _DOT * box[3]))
    # Without shapes of its own a finding is about the whole item: others would only hide it.
    near = [shape for shape in others if own and _meets(shape.bounds, box)][:MAX_FAINT]
    beyond = box[0] < 0 or box[1] < 0 or box[0] + box[2] > width or box[1] + box[3] > height
    return View(box, box == picture, beyond, _marks(own, box), tuple(shape.path for shape in near), ring)


def _marks(own: Sequence[Shape], box: tuple[float, float, float, float]) -> tuple[Mark, ...]:
    """The first shape in one colour, the others that the finding names in another, with what the legend calls them."""
    marks = []
    for kind, group in (("own", own[:1]), ("twin", own[1:])):
        if not group:
            continue
        near: list[str] = []
        far: list[str] = []
        for x, y in [dot for shape in group for dot in shape.dots]:
            inside = box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]
            held = min(max(x, box[0]), box[0] + box[2]), min(max(y, box[1]), box[1] + box[3])
            (near if inside else far).append(f"M{_short(held[0])} {_short(held[1])}h0")
        names = dict.fromkeys(seen(shape.label, _NAME) or "without a label" for shape in group)
        more = f" and {len(group) - 1} more" if len(group) > 1 and len(names) == 1 else ""
        name = ", ".join(names) + more + (", the other" if kind == "twin" and len(group) == 1 else "")
        marks.append(Mark(kind, "".join(shape.path for shape in group), "".join(near), "".join(far), name))
    return tuple(marks)


def _part(area: tuple[float, float, float, float], x: float, y: float, side: float) -> tuple[float, float, float, float]:
    """A 4:3 part around (x, y), moved inside the area (x, y, width, height) where it can be."""
    high = min(side, area[3])
    wide = min(high * 4 / 3, area[2])
    left = min(max(x - wide / 2, area[0]), area[0] + area[2] - wide)
    top = min(max(y - high / 2, area[1]), area[1] + area[3] - high)
    return (round(left, 1), round(top, 1), round(wide, 1), round(high, 1))


def _bounded(edge: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    """The picture and what lies beyond it, with a margin; something a million pixels outside does not shrink it to a dot."""
    margin = _MARGIN * max(width, height)
    left = max(edge[0], -width) - margin * (edge[0] < 0)
    top = max(edge[1], -height) - margin * (edge[1] < 0)
    right = min(edge[2], 2.0 * width) + margin * (edge[2] > width)
    bottom = min(edge[3], 2.0 * height) + margin * (edge[3] > height)
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
    mask: Mapping[str, Any] | None = None,
    *,
    most: int = outline.MAX_POINTS,
) -> tuple[str, tuple[float, float, float, float], tuple[tuple[float, float], ...]] | None:
    """An SVG path, its bounds and its points, or None where there is no finite number to draw.

    >>> _outline(1, 2, 0, 5, 0, None, None)
    ('M1 2L1 2L1 7L1 7Z', (1.0, 2.0, 1.0, 7.0), ())
    """
    rings: list[list[tuple[float, float]]] = []
    if polygon:
        rings = [list(zip(ring[0::2], ring[1::2], strict=False)) for ring in polygon[: outline.MAX_RINGS] if ring]
    elif mask and mask["counts"] and (drawn := outline.of_mask(mask["counts"], mask["height"] or 0, mask["width"] or 0)):
        rings = [[(float(px), float(py)) for px, py in ring] for ring in drawn[0]]
    elif x is not None and y is not None and w is not None and h is not None:
        turn = math.radians(angle) if math.isfinite(angle) else 0.0
        across, down = (w * math.cos(turn), w * math.sin(turn)), (-h * math.sin(turn), h * math.cos(turn))
        rings = [
            [(x, y), (x + across[0], y + across[1]), (x + across[0] + down[0], y + across[1] + down[1]), (x + down[0], y + down[1])]
        ]
    dots = tuple((point["x"], point["y"]) for point in (keypoints or [])[:MAX_DOTS] if point and point["v"] != 0)
    every = [*(point for ring in rings for point in ring), *dots]
    if not every or not all(value is not None and math.isfinite(value) and abs(value) < 1e9 for point in every for value in point):
        return None
    if sum(map(len, rings)) > most:
        extent = max(max(point[axis] for point in every) - min(point[axis] for point in every) for axis in (0, 1))
        made = outline.simplified([np.array(ring, np.float64) for ring in rings], extent / 500, most)
        rings = [[(float(px), float(py)) for px, py in ring] for ring in made]
    path = "".join("M" + "L".join(f"{_short(px)} {_short(py)}" for px, py in ring) + "Z" for ring in rings)
    across_all, down_all = [float(point[0]) for point in every], [float(point[1]) for point in every]
    return path, (min(across_all), min(down_all), max(across_all), max(down_all)), dots


def _short(value: float) -> str:
    return f"{round(value, 1):.10g}"
