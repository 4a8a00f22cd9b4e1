"""Outlines for the page: masks from their run-length code, and polygons with no more points than can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.formats import rle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ring = NDArray[np.float64]

# A mask is looked at in so many columns and rows; its code may have so many characters (a page needs no finer outline).
GRID, MAX_CODE = 112, 400_000
# Separate parts of a mask that are drawn, and points of all rings of a shape.
MAX_RINGS, MAX_POINTS = 12, 120


def of_mask(code: str, height: int, width: int) -> tuple[list[Ring], tuple[float, float, float, float]] | None:
    """Rings around a mask and its bounds (left, top, right, bottom) in pixels; None where the code says nothing that can be drawn.

    Args:
        code: COCO's compressed run lengths, column by column, zeros first.
        height: of the mask, in pixels.
        width: of the mask, in pixels.

    >>> rings, bounds = of_mask(rle.of_mask(np.pad(np.ones((2, 3), bool), 1)), 4, 5)
    >>> bounds, [ring.tolist() for ring in rings]
    ((1.0, 1.0, 4.0, 3.0), [[[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]]])
    """
    if not 0 < len(code) <= MAX_CODE or height <= 0 or width <= 0:
        return None
    try:
        ends = np.minimum(np.cumsum(np.array(rle.decode(code), np.int64)), height * width)
    except ValueError:
        return None
    first, last = ends[0:-1:2], ends[1::2] - 1
    first, last = first[: len(last)][last >= first[: len(last)]], last[last >= first[: len(last)]]
    if not len(first):
        return None
    left, right = int(first[0] // height), int(last[-1] // height) + 1
    tall = bool((first // height != last // height).any())  # a run that goes on in the next column touches top and bottom
    top, bottom = (0, height) if tall else (int((first % height).min()), int((last % height).max()) + 1)
    columns, rows = min(right - left, GRID), min(bottom - top, GRID)
    wide, high = (right - left) / columns, (bottom - top) / rows
    x = left + ((np.arange(columns) + 0.5) * wide).astype(np.int64)
    y = top + ((np.arange(rows) + 0.5) * high).astype(np.int64)
    inside = np.searchsorted(ends, x[None, :] * height + y[:, None], side="right") % 2 == 1
    rings = [ring * (wide, high) + (left, top) for ring in _rings(inside)]
    return simplified(rings, max(wide, high)), (float(left), float(top), float(right), float(bottom))


def _rings(inside: NDArray[np.bool_]) -> list[Ring]:
    """The borders of a grid's cells that are inside, longest first: corners in cells, clockwise around what is inside."""
    grid = np.pad(inside, 1)
    after: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for shift, start, end in (
        ((-1, 0), (0, 0), (1, 0)),
        ((0, 1), (1, 0), (1, 1)),
        ((1, 0), (1, 1), (0, 1)),
        ((0, -1), (0, 1), (0, 0)),
    ):
        border = grid & ~np.roll(grid, (-shift[0], -shift[1]), axis=(0, 1))
        for row, column in np.argwhere(border) - 1:
            after.setdefault((int(column) + start[0], int(row) + start[1]), []).append((int(column) + end[0], int(row) + end[1]))
    rings = []
    while after:
        at = next(iter(after))
        ring = []
        while at in after:
            ring.append(at)
            onward = after[at]
            following = onward.pop()
            if not onward:
                del after[at]
            at = following
        rings.append(np.array(ring, np.float64))
    return sorted(rings, key=len, reverse=True)[:MAX_RINGS]


def simplified(rings: Sequence[Ring], grain: float, most: int = MAX_POINTS) -> list[Ring]:
    """The rings with at most `most` points in all: those left out lie near the lines between the others (Douglas and Peucker 1973).

    Args:
        rings: points of each, shape (n, 2).
        grain: a distance that nobody sees, in the unit of the points.
        most: how many points to keep.
    """
    tolerance = 0.75 * grain
    for _ in range(24):
        kept = [_reduced(ring, tolerance) for ring in rings]
        if sum(map(len, kept)) <= most:
            return kept
        tolerance *= 1.6
    return [ring[:: max(len(ring) * len(rings) // most, 1)] for ring in rings]


def _reduced(ring: Ring, tolerance: float) -> Ring:
    if len(ring) < 4:
        return ring
    # A ring has no ends: it is cut at its first point and at the one that is farthest from it.
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    closed = np.vstack([ring, ring[:1]])
    keep = np.zeros(len(closed), bool)
    keep[[0, far, -1]] = True
    spans = [(0, far), (far, len(closed) - 1)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        a, b = closed[start], closed[end]
        between = closed[start + 1 : end]
        length = float(np.hypot(*(b - a)))
        off = between - a
        away = np.abs(off[:, 0] * (b - a)[1] - off[:, 1] * (b - a)[0]) / length if length else np.hypot(off[:, 0], off[:, 1])
        worst = int(np.argmax(away))
        if away[worst] > tolerance:
            keep[start + 1 + worst] = True
            spans += [(start, start + 1 + worst), (start + 1 + worst, end)]
    return closed[:-1][keep[:-1]]
