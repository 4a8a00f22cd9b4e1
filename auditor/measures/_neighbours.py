"""The nearest neighbours of vectors, exactly, in blocks that bound the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.integer[Any]]

_CELLS = 1 << 24  # similarities held at once, 64 MB as float32


def unit_rows(vectors: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Vectors of length 1, and which of them have a direction: rows of zeros or with what is no number have none.

    >>> unit_rows(np.array([[3, 4], [0, 0]], np.float32))[0].astype(float).round(2).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    good = np.isfinite(length) & (length > 0)
    units = np.where(good[:, None], vectors, 0) / np.where(good, length, 1)[:, None]
    return units.astype(np.float32), good


def nearest(units: Floats, same: Ints, count: int, progress: Callable[[int], None] = lambda _done: None) -> tuple[Ints, Floats]:
    """The `count` rows of largest cosine similarity, for every row, without those that are the same as it.

    Args:
        units: rows of length 1, shape (n, d).
        same: rows with equal numbers are one thing (copies of an item) and no neighbours of each other, shape (n,).
        count: neighbours wanted; fewer where there are fewer.
        progress: called with the rows done.

    Returns:
        Their numbers, shape (n, k), -1 where there are fewer, and similarities, shape (n, k), nearest first, of equals the first
        row. n^2 d multiplications; 64 MB beside the vectors.

    >>> found, how = nearest(np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], np.float32), np.arange(3), 1)
    >>> found.ravel().tolist(), how.ravel().astype(float).round(2).tolist()
    ([2, 2, 1], [0.8, 0.96, 0.96])
    """
    rows = len(units)
    kept = min(count, max(rows - 1, 0))
    found = np.full((rows, kept), -1, np.int64)
    how = np.full((rows, kept), -2, np.float32)
    # Copies of a row are looked for among the nearest too, and left out afterwards.
    copies = int(np.bincount(np.unique(same, return_inverse=True)[1]).max(initial=1))
    width = min(kept + copies, rows)
    step = max(1, min(rows, _CELLS // max(rows, 1)))
    for start in range(0, rows if kept else 0, step):
        mine = np.arange(start, min(start + step, rows))
        alike = units[mine] @ units.T
        top = np.argpartition(-alike, width - 1, axis=1)[:, :width] if width < rows else np.tile(np.arange(rows), (len(mine), 1))
        near = np.take_along_axis(alike, top, axis=1)
        near[same[top] == same[mine][:, None]] = -2
        # Rounded: the last digit of a product of matrices depends on the processor.
        near = np.round(near, 6)
        order = np.lexsort((top, -near), axis=1)[:, :kept]
        how[mine] = np.take_along_axis(near, order, axis=1)
        found[mine] = np.where(how[mine] > -2, np.take_along_axis(top, order, axis=1), -1)
        progress(start + len(mine))
    return found, how
