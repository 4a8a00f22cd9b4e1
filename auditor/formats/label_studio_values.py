"""What one result of Label Studio says, as columns of `annotation`: per cent to pixels, UTF-16 to code points, brushes to masks.

Source: the task format and the tags' result parameters in Label Studio's documentation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from auditor.formats import rle

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]


class WrongTypeError(ValueError):
    """A key whose value has another type than the format says; `key` names it."""

    def __init__(self, key: str, wanted: str) -> None:
        super().__init__(f"is not {wanted}")
        self.key = key


def number(holder: dict[str, Any], key: str) -> float | None:
    """A finite number under a key, or None where it is absent.

    Raises:
        WrongTypeError: something else is there.
    """
    value = holder.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or not math.isfinite(value):
        raise WrongTypeError(key, "a finite number")
    return float(value)


def mapping(holder: dict[str, Any], key: str) -> dict[str, Any]:
    """An object under a key; empty where it is absent.

    Raises:
        WrongTypeError: something else is there.
    """
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WrongTypeError(key, "an object")
    return value


def listing(holder: dict[str, Any], key: str) -> list[Any]:
    """A list under a key; empty where it is absent.

    Raises:
        WrongTypeError: something else is there.
    """
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise WrongTypeError(key, "a list")
    return value


def text(holder: dict[str, Any], key: str) -> str | None:
    """Text (or a number as text) under a key, or None where it is absent.

    Raises:
        WrongTypeError: something else is there.
    """
    value = holder.get(key)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        raise WrongTypeError(key, "text or a number")
    return str(value)


def code_points(content: str | None, offset: float) -> int:
    """An offset in UTF-16 units, as browsers count, in code points.

    >>> code_points("😀 good", 3)
    2
    """
    units = int(offset)
    if content is None or content.isascii() or max(content) <= "\uffff":
        return units
    head = content.encode("utf-16-le")[: 2 * units]
    return len(head.decode("utf-16-le", errors="ignore")) + max(0, units - len(content.encode("utf-16-le")) // 2)


def labels(kind: str, value: Row) -> list[str | None]:
    """The labels of a region: under the result's type, or under `labels`; [None] where it has none."""
    given = listing(value, kind) if kind in value else listing(value, "labels")
    found: list[str | None] = []
    for label in given:
        # Nested choices are given as the path to them.
        path = label if isinstance(label, list) else [label]
        if not path or not all(isinstance(step, str) for step in path):
            raise WrongTypeError(kind, "a list of texts")
        found.append("/".join(path))
    return found or [None]


def rows(kind: str, result: Row, content: str | None, audio: bool) -> Iterator[Row]:
    """The annotations that one result makes; none for a type that is not known.

    Args:
        kind: the result's type.
        result: the result.
        content: the item's text, where it has one.
        audio: the result is about sound or video.

    Yields:
        Columns of `annotation`; `problem` says what is wrong with a row that is kept all the same.

    Raises:
        WrongTypeError: a value has the wrong type.
    """
    value = mapping(result, "value")
    if kind == "choices":
        yield from ({"type": "class", "label": label} for label in labels(kind, value) if label is not None)
    elif kind == "taxonomy":
        for path in listing(value, kind):
            if not isinstance(path, list) or not all(isinstance(step, str) for step in path):
                raise WrongTypeError(kind, "a list of lists of texts")
            yield {"type": "class", "label": "/".join(path)}
    elif kind in {"rating", "number"}:
        yield {"type": "value", "value": number(value, kind)}
    elif kind in {"textarea", "datetime"}:
        given = value.get("text", value.get(kind))
        for part in given if isinstance(given, list) else [given]:
            if not isinstance(part, str):
                raise WrongTypeError("text", "text or a list of texts")
            yield {"type": "text", "text": part}
    elif kind == "pairwise":
        yield {"type": "class", "label": text(value, "selected")}
    else:
        yield from _regions(kind, value, result, content, audio)


def _regions(kind: str, value: Row, result: Row, content: str | None, audio: bool) -> Iterator[Row]:
    if "sequence" in value:
        shapes = list(_keyframes(value, result))
    elif "rle" in value:
        shapes = [_brush(value, result)]
    elif "points" in value:
        shapes = [_polygon(value, result)]
    elif "radiusX" in value:
        shapes = [_ellipse(value, result)]
    elif "x" in value and "y" in value:
        shapes = [_box(value, result) if "height" in value else _keypoint(value, result)]
    elif "start" in value and "end" in value and kind in {"labels", "hypertextlabels", "text", "hypertext", "audio", "region"}:
        shapes = [_range(value, content, audio)]
    elif kind.endswith("labels") and isinstance(value.get(kind, value.get("labels")), list):
        # A shape that is not read (of a time series, a dialogue): its labels are, lest the item count as unlabelled.
        shapes = [{"type": None, "unread": True}]
    else:
        return
    for shape in shapes:
        for label in labels(kind, value):
            yield {**shape, "label": label}


def _size(result: Row) -> tuple[float, float] | None:
    width, height = number(result, "original_width"), number(result, "original_height")
    return (width, height) if width and height and width > 0 and height > 0 else None


_UNSIZED = "has no original_width and original_height: its per cent cannot become pixels"


def _box(value: Row, result: Row) -> Row:
    size = _size(result)
    x, y, w, h = (number(value, key) for key in ("x", "y", "width", "height"))
    row: Row = {"type": "box", "angle": number(value, "rotation")}
    if size is None:
        return {**row, "problem": _UNSIZED}
    if x is None or y is None or w is None or h is None:
        return {**row, "problem": "has no x, y, width and height"}
    return {**row, "x": x * size[0] / 100, "y": y * size[1] / 100, "w": w * size[0] / 100, "h": h * size[1] / 100}


def _ellipse(value: Row, result: Row) -> Row:
    around = {key: number(value, key) or 0.0 for key in ("x", "y", "radiusX", "radiusY")}
    box = {
        "x": around["x"] - around["radiusX"],
        "y": around["y"] - around["radiusY"],
        "width": 2 * around["radiusX"],
        "height": 2 * around["radiusY"],
    }
    # An ellipse turns about its centre, a box here about its corner: the angle is kept beside the upright box.
    turned = number(value, "rotation")
    return {**_box(box, result), "attributes": {"shape": "ellipse", **({"rotation": f"{turned:g}"} if turned else {})}}


def _polygon(value: Row, result: Row) -> Row:
    size, ring = _size(result), list[float]()
    for point in listing(value, "points"):
        if not isinstance(point, list) or len(point) != 2:
            raise WrongTypeError("points", "a list of pairs")
        pair = [number({"points": side}, "points") for side in point]
        if size is not None and None not in pair:
            ring += [side * whole / 100 for side, whole in zip(pair, size, strict=True) if side is not None]
    return {"type": "polygon", "polygon": [ring]} if size else {"type": "polygon", "problem": _UNSIZED}


def _keypoint(value: Row, result: Row) -> Row:
    size, x, y = _size(result), number(value, "x"), number(value, "y")
    if size is None or x is None or y is None:
        return {"type": "keypoints", "problem": _UNSIZED}
    return {"type": "keypoints", "keypoints": [{"x": x * size[0] / 100, "y": y * size[1] / 100, "v": 2}]}


def _brush(value: Row, result: Row) -> Row:
    size, code = _size(result), listing(value, "rle")
    if size is None:
        return {"type": "mask", "problem": _UNSIZED}
    if not all(isinstance(byte, int) and 0 <= byte <= 255 for byte in code):
        raise WrongTypeError("rle", "a list of bytes")
    width, height = round(size[0]), round(size[1])
    try:
        mask = rle.unpack_brush(code, height, width)
    except ValueError as error:
        return {"type": "mask", "problem": f"its brush cannot be unpacked: {error}"}
    return {"type": "mask", "mask": {"height": height, "width": width, "counts": rle.of_mask(mask)}}


def _range(value: Row, content: str | None, audio: bool) -> Row:
    if audio:
        return {"type": "segment", "start_s": number(value, "start"), "end_s": number(value, "end")}
    overall = mapping(value, "globalOffsets") or value
    try:
        start, end = number(overall, "start"), number(overall, "end")
    except WrongTypeError:
        # Hypertext without global offsets gives XPaths: there is no text here to count in.
        return {"type": "span", "problem": "its offsets are paths within a page, not characters"}
    if start is None or end is None or not 0 <= start <= 2**31 - 1 or not 0 <= end <= 2**31 - 1:
        return {"type": "span", "problem": "has no offsets"}
    return {"type": "span", "start_char": code_points(content, start), "end_char": code_points(content, end)}


def _keyframes(value: Row, result: Row) -> Iterator[Row]:
    """One box per keyframe; in per cent still (`percent`) where the video's size is not in the export, as is usual."""
    for frame in listing(value, "sequence"):
        if not isinstance(frame, dict):
            raise WrongTypeError("sequence", "a list of objects")
        nth = number(frame, "frame")
        # Label Studio counts frames from 1.
        place = int(nth) - 1 if nth is not None and 1 <= nth <= 2**31 else None
        row = _box(frame, result)
        if row.get("problem") == _UNSIZED:
            sides = {side: number(frame, key) for side, key in zip("xywh", ("x", "y", "width", "height"), strict=True)}
            row = {"type": "box", "angle": row["angle"], **sides, "percent": True}
        yield {**row, "frame": place, "attributes": {key: str(frame[key]) for key in ("enabled",) if key in frame}}
