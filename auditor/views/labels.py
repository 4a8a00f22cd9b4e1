"""Annotations as FiftyOne's labels: plain dicts with the class's name under `_cls`, without FiftyOne.

What is drawn is relative: x and y in parts of the picture's width and height. A shape whose numbers cannot be drawn stays, without
an outline: the finding about it must be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.formats import rle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from auditor.views.cards import Laid
    from auditor.views.fields import Field

Label = dict[str, Any]
# Shapes may reach this many widths outside of the picture; more would only be a number.
_FAR = 10.0
# Rings and points of one polygon, points of one annotation.
MAX_RINGS, MAX_POINTS = 100, 5_000
MAX_MASK_PIXELS = 64_000_000
# Characters of a free text shown as a label.
MAX_TEXT = 300
# Columns of an annotation that its label carries: column -> name in FiftyOne.
CARRIED = {
    "annotation_id": "annotation_id",
    "annotator_id": "annotator",
    "review": "review",
    "reviewer_id": "reviewer",
    "guideline": "guideline",
    "prelabel": "prelabel",
    "track_id": "track",
    "parent_id": "parent",
    "created_at": "made_at",
    "seconds": "seconds",
    "start_s": "start_s",
    "end_s": "end_s",
    "start_char": "start_char",
    "end_char": "end_char",
}


@dataclass(frozen=True)
class Canvas:
    """What labels are drawn on.

    Attributes:
        width: of the item's image as annotations count it, in pixels; 0 where unknown.
        height: likewise.
        card: the card that stands for the item, or None.
        fps: frames per second of the video; 0 for none.
        frames: of the video; 0 where unknown.
    """

    width: int
    height: int
    card: Laid | None = None
    fps: float = 0.0
    frames: int = 0


def label(row: Mapping[str, Any], field: Field, canvas: Canvas, attributes: Mapping[str, str], tags: Sequence[str]) -> Label:
    """One annotation as a label of `field`.

    Args:
        row: a row of the table annotation.
        field: where it goes.
        canvas: what it is drawn on.
        attributes: attribute of the source -> name in FiftyOne.
        tags: its tags.
    """
    made: Label = {"_cls": "", "tags": list(tags)}
    said = row["label"] if row["label"] is not None else row["text"]
    if said is not None:
        made["label"] = said[:MAX_TEXT]
    made |= {name: row[column] for column, name in CARRIED.items() if row.get(column) is not None}
    if row["attributes"]:
        made |= {attributes[key]: value for key, value in row["attributes"].items() if key in attributes and value is not None}
    confidence = row["confidence"]
    if confidence is not None and math.isfinite(confidence) and field.kind != "keypoints":
        made["confidence"] = confidence
    return made | _SHAPES[field.kind](row, field, canvas)


def prediction(probs: Sequence[float], classes: Sequence[str]) -> Label | None:
    """The likeliest class with its probability, and the three likeliest in `top`; None where no number can be read.

    >>> prediction([0.25, 0.75], ["cat", "dog"])
    {'_cls': 'Classification', 'tags': [], 'label': 'dog', 'confidence': 0.75, 'top': ['dog 0.75', 'cat 0.25']}
    """
    ranked = sorted(((p, -n) for n, p in enumerate(probs) if p is not None and math.isfinite(p)), reverse=True)[:3]
    if not ranked:
        return None
    named = [(classes[-n] if -n < len(classes) else f"class {-n}", p) for p, n in ranked]
    top = [f"{name[:MAX_TEXT]} {p:.2f}" for name, p in named]
    return {"_cls": "Classification", "tags": [], "label": named[0][0][:MAX_TEXT], "confidence": float(named[0][1]), "top": top}


def together(labels: Iterable[Label], field: Field) -> Label | None:
    """The labels of one field of one sample, as FiftyOne wants them; None for none."""
    given = list(labels)
    if not given:
        return None
    return {"_cls": field.label_class, field.many: given} if field.many else given[0]


def _class(row: Mapping[str, Any], field: Field, _canvas: Canvas) -> Label:
    if field.kind != "value":
        return {"_cls": "Classification"}
    value = row["value"]
    known = {"value": value} if value is not None and math.isfinite(value) else {}
    if field.label_class == "Regression":
        return {"_cls": "Regression", **known}
    return {"_cls": "Classification", **known, **({"label": f"{value:g}"} if value is not None and row["label"] is None else {})}


def _box(row: Mapping[str, Any], _field: Field, canvas: Canvas) -> Label:
    if row["mask"] is not None:
        found = _mask(row["mask"])
        if found is not None:
            return {"_cls": "Detection", "bounding_box": found[0], "mask": found[1]}
    if row["x"] is None:
        return {"_cls": "Detection", "bounding_box": [0.0, 0.0, 0.0, 0.0]}
    x, y, w, h = row["x"], row["y"], row["w"], row["h"]
    if None in {y, w, h} or not canvas.width or not canvas.height:
        return {"_cls": "Detection", "bounding_box": [0.0, 0.0, 0.0, 0.0]}
    box = [x / canvas.width, y / canvas.height, w / canvas.width, h / canvas.height]
    if not (math.isfinite(sum(box)) and min(box) > -_FAR and max(box) < _FAR):  # far away, endless, or no number
        box = [min(max(value, -_FAR), _FAR) for value in box] if _finite(*box) else [0.0, 0.0, 0.0, 0.0]
    return {"_cls": "Detection", "bounding_box": box}


def _polygon(row: Mapping[str, Any], _field: Field, canvas: Canvas) -> Label:
    rings = row["polygon"]
    if rings is None and row["x"] is not None:
        x, y, w, h = row["x"], row["y"], row["w"] or 0.0, row["h"] or 0.0
        turn = math.radians(row["angle"] or 0.0) if math.isfinite(row["angle"] or 0.0) else 0.0
        across, down = (w * math.cos(turn), w * math.sin(turn)), (-h * math.sin(turn), h * math.cos(turn))
        ring = [x, y, x + across[0], y + across[1], x + across[0] + down[0], y + across[1] + down[1], x + down[0], y + down[1]]
        rings = [ring] if row["y"] is not None else None
    shapes = [_points(list(zip(ring[0::2], ring[1::2], strict=False))[:MAX_POINTS], canvas) for ring in (rings or [])[:MAX_RINGS]]
    return {"_cls": "Polyline", "points": [shape for shape in shapes if shape], "closed": True, "filled": False}


def _span(row: Mapping[str, Any], _field: Field, canvas: Canvas) -> Label:
    first, last = row["start_char"], row["end_char"]
    known = canvas.card is not None and first is not None and last is not None
    rings = canvas.card.span(first, last) if canvas.card is not None and known else []
    return {"_cls": "Polyline", "points": [[list(point) for point in ring] for ring in rings], "closed": True, "filled": True}


def _keypoints(row: Mapping[str, Any], _field: Field, canvas: Canvas) -> Label:
    points, visible = [], []
    for point in (row["keypoints"] or [])[:MAX_POINTS]:
        place = _points([(point["x"], point["y"])], canvas) if point and point["v"] != 0 else []
        points.append(place[0] if place else [math.nan, math.nan])
        visible.append(bool(point and point["v"] == 2))
    return {"_cls": "Keypoint", "points": points, "visible": visible}


def _segment(row: Mapping[str, Any], field: Field, canvas: Canvas) -> Label:
    start, end = row["start_s"], row["end_s"]
    card = canvas.card
    if card is None or field.name not in card.card.lanes or not _finite(start, end):
        return {"_cls": "Detection", "bounding_box": [0.0, 0.0, 0.0, 0.0]}
    return {"_cls": "Detection", "bounding_box": list(card.segment(field.name, start, end))}


def _moment(row: Mapping[str, Any], _field: Field, canvas: Canvas) -> Label:
    """First and last frame, from 1."""
    start, end = row["start_s"], row["end_s"]
    most = canvas.frames or 10**9
    if not _finite(start, end) or not canvas.fps:
        return {"_cls": "TemporalDetection", "support": [1, 1]}
    first = min(max(math.floor(start * canvas.fps) + 1, 1), most)
    return {"_cls": "TemporalDetection", "support": [first, min(max(math.ceil(end * canvas.fps), first), most)]}


_SHAPES = {
    "class": _class,
    "text": _class,
    "value": _class,
    "box": _box,
    "polygon": _polygon,
    "span": _span,
    "keypoints": _keypoints,
    "segment": _segment,
    "moment": _moment,
}


def _finite(*values: float | None) -> bool:
    return all(value is not None and math.isfinite(value) for value in values)


def _points(points: Sequence[tuple[float | None, float | None]], canvas: Canvas) -> list[list[float]]:
    """Pixels in parts of the picture; none where one of them is no number or the picture has no size."""
    if not canvas.width or not canvas.height or not _finite(*(value for point in points for value in point)):
        return []
    return [[min(max(x / canvas.width, -_FAR), _FAR), min(max(y / canvas.height, -_FAR), _FAR)] for x, y in points]  # type: ignore[operator]


def _mask(code: Mapping[str, Any]) -> tuple[list[float], NDArray[np.bool_]] | None:
    """The box around a mask and the mask within it; None where it cannot be read or is empty."""
    height, width = code["height"], code["width"]
    if not height or not width or not 0 < height * width <= MAX_MASK_PIXELS:
        return None
    try:
        counts = np.asarray(rle.decode(code["counts"] or ""), np.int64)
    except ValueError:
        return None
    if counts.sum() != height * width:
        return None
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    mask = flat.reshape((height, width), order="F")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    box = [left / width, top / height, (right - left) / width, (bottom - top) / height]
    return box, np.ascontiguousarray(mask[top:bottom, left:right])
