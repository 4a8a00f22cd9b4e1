"""Pixels that masks and polygons hold, as runs in columns, and how many of them two have in common; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._rle import run_lengths

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

REACH = 1 << 16  # pixels that a shape may lie left of or above its medium, or be long
MOST_COLUMNS = 20_000  # of a mask's medium: more would unpack to gigabytes
_STRIDE = 1 << 18  # from one column to the next
_SHAPE = 1 << 36  # from one shape to the next: 2^18 columns
_MOST_CROSSINGS = 1 << 22  # of a polygon's edges with columns


@dataclass(frozen=True)
class Areas:
    """Runs of pixels of several shapes, in order of shape, column and row.

    Attributes:
        start: where each run starts, shape * 2^36 + column * 2^18 + row (both counted from -2^16), shape (runs,).
        length: pixels of each run, shape (runs,).
        pixels: of each shape, shape (shapes,).
        first: the first run of each shape, and one past the last of all, shape (shapes + 1,).
    """

    start: Ints
    length: Ints
    pixels: Ints
    first: Ints


def runs_of_masks(text: npt.NDArray[np.uint8], ends: Ints, height: Ints, width: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Runs of COCO's strings, cut at the edges of columns.

    Args:
        text: their bytes, shape (n,).
        ends: where each string ends, shape (masks,).
        height: of the media, shape (masks,).
        width: the same.

    Returns:
        Mask, column, row and length of each run; none of a code that does not fill its medium or is wider than `MOST_COLUMNS`.

    >>> found = runs_of_masks(np.frombuffer(b"13", np.uint8), np.array([2]), np.array([2]), np.array([2]))
    >>> [part.tolist() for part in found]
    [[0, 0], [0, 1], [1, 0], [1, 2]]
    """
    runs, owner, whole = run_lengths(text, ends)
    runs = np.where(whole[owner], runs, 0)
    fits = np.bincount(owner, runs, len(ends)) == height * width.astype(np.float64)
    whole &= fits & (height > 0) & (width > 0) & (width <= MOST_COLUMNS) & (height < REACH)
    till = np.cumsum(runs)
    heads = np.flatnonzero(np.diff(owner, prepend=-1))
    base = np.zeros(len(ends), np.int64)
    base[owner[heads]] = till[heads] - runs[heads]
    nth = np.arange(len(owner)) - np.searchsorted(owner, owner)
    ink = np.flatnonzero((nth % 2 == 1) & (runs > 0) & whole[owner])
    mask, size = owner[ink], runs[ink]
    rows = height[mask]
    begin = till[ink] - size - base[mask]
    left, right = begin // np.maximum(rows, 1), (begin + size - 1) // np.maximum(rows, 1)
    parts = right - left + 1
    of = np.repeat(np.arange(len(ink)), parts)
    column = left[of] + np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)
    top = np.maximum(begin[of] - column * rows[of], 0)
    bottom = np.minimum(begin[of] + size[of] - column * rows[of], rows[of])
    return mask[of], column, top, bottom - top


def runs_of_polygons(x: Floats, y: Floats, ring: Ints, polygon: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Runs of the pixels whose centres lie within polygons, by the even-odd rule over all rings of one.

    Args:
        x: of points in order, shape (points,).
        y: the same.
        ring: which ring each point is of, never falling, shape (points,).
        polygon: which polygon each point is of, shape (points,).

    Returns:
        Polygon, column, row and length of each run; none of a polygon with more than four million crossings.

    >>> found = runs_of_polygons(np.array([0.0, 2, 2, 0]), np.array([1.0, 1, 3, 3]), np.zeros(4, int), np.zeros(4, int))
    >>> [part.tolist() for part in found]
    [[0, 0], [0, 1], [1, 1], [2, 2]]
    """
    after = np.arange(1, len(ring) + 1)
    last = np.diff(ring, append=-1) != 0
    after[last] = np.flatnonzero(np.diff(ring, prepend=-1))
    low, high = np.minimum(x, x[after]), np.maximum(x, x[after])
    first = np.ceil(low - 0.5).astype(np.int64)
    count = np.ceil(high - 0.5).astype(np.int64) - first
    count[(np.bincount(polygon, count) > _MOST_CROSSINGS)[polygon]] = 0
    edge = np.repeat(np.arange(len(x)), count)
    column = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    along = (column + 0.5 - x[edge]) / (x[after] - x)[edge]
    row = np.ceil(y[edge] + along * (y[after] - y)[edge] - 0.5).astype(np.int64)
    owner = polygon[edge]
    by = np.lexsort((row, column, owner))
    owner, column, row = owner[by][::2], column[by][::2], row[by].reshape(-1, 2)
    length = row[:, 1] - row[:, 0]
    some = length > 0
    return owner[some], column[some], row[some, 0], length[some]


def areas(shapes: int, *parts: tuple[Ints, Ints, Ints, Ints]) -> Areas:
    """Runs of several kinds together.

    Args:
        shapes: how many shapes there are.
        parts: shape, column, row and length of runs.
    """
    shape, column, row, length = (np.concatenate(values) for values in zip(*parts, strict=True))
    start = shape * _SHAPE + (column + REACH) * _STRIDE + row + REACH
    by = np.argsort(start, kind="stable")
    pixels = np.bincount(shape, length, shapes).astype(np.int64)
    return Areas(start[by], length[by], pixels, np.concatenate([[0], np.cumsum(np.bincount(shape, minlength=shapes))]))


def iou(told: Areas, a: Ints, b: Ints) -> Floats:
    """Intersection over union of pairs of shapes; 0 where neither holds a pixel.

    Args:
        told: the shapes.
        a: one of each pair, shape (pairs,).
        b: the other, shape (pairs,).

    >>> x, ring = np.array([0.0, 2, 2, 0, 1, 3, 3, 1]), np.arange(8) // 4
    >>> runs = runs_of_polygons(x, np.array([0.0, 0, 2, 2] * 2), ring, ring)
    >>> iou(areas(2, runs), np.array([0]), np.array([1])).round(3).tolist()
    [0.333]
    """
    number = np.diff(told.first)[a]
    pair = np.repeat(np.arange(len(a)), number)
    run = told.first[a][pair] + np.arange(len(pair)) - np.repeat(np.cumsum(number) - number, number)
    from_, size = told.start[run] + (b - a)[pair] * _SHAPE, told.length[run]
    before = np.concatenate([[0], np.cumsum(told.length)])

    def held(till: Ints) -> Ints:
        """Pixels of all runs before a position."""
        at = np.searchsorted(told.start, till, side="left") - 1
        inside = np.minimum(till - told.start[at], told.length[at])
        return np.where(at >= 0, before[at] + inside, 0)

    shared = np.bincount(pair, held(from_ + size) - held(from_), len(a)) if len(told.start) else np.zeros(len(a))
    union = told.pixels[a] + told.pixels[b] - shared
    return np.asarray(np.where(union > 0, shared / np.maximum(union, 1), 0.0), np.float64)
