"""COCO's run-length strings, many at a time: how many pixels they hold and in which box these lie; no I/O.

Source: the mask API of Lin et al., Microsoft COCO, ECCV 2014; `auditor.formats.rle` writes and reads single strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

_GROUP = 5  # bits in a letter
_MOST_LETTERS = 9  # of one run length: 45 bits, more pixels than any medium has


@dataclass(frozen=True)
class Pixels:
    """What masks hold, all arrays of shape (masks,).

    Attributes:
        whole: the code is one, and its runs are as many pixels as height x width.
        pixels: pixels set; 0 where not whole.
        left, top, right, bottom: columns and rows of the pixels set, right and bottom exclusive; 0 without pixels.
    """

    whole: Bools
    pixels: Ints
    left: Ints
    top: Ints
    right: Ints
    bottom: Ints


def run_lengths(text: npt.NDArray[np.uint8], ends: Ints) -> tuple[Ints, Ints, Bools]:
    """Run lengths of strings that stand one after the other.

    Args:
        text: their bytes, shape (n,).
        ends: where each string ends, shape (masks,).

    Returns:
        Run lengths in order and which string each belongs to, both of shape (runs,); and which strings are codes, shape (masks,).

    >>> run_lengths(np.frombuffer(b"::50:22", np.uint8), np.array([5, 7]))[0].tolist()
    [10, 10, 5, 10, 15, 2, 2]
    """
    good = np.ones(len(ends), np.bool_)
    sizes = np.diff(ends, prepend=0)
    owner = np.repeat(np.arange(len(ends)), sizes)
    code = text.astype(np.int64) - 48
    closes = (code & 32) == 0
    final = ends[sizes > 0] - 1
    good[owner[(code < 0) | (code > 63)]] = False
    good[owner[final][~closes[final]]] = False
    closes[final] = True  # so that a torn string does not run into the next one
    first = np.flatnonzero(np.concatenate([[True], closes[:-1]])) if len(code) else np.empty(0, np.int64)
    letters = np.diff(first, append=len(code))
    owner = owner[first]
    good[owner[letters > _MOST_LETTERS]] = False
    place = np.minimum(np.arange(len(code)) - np.repeat(first, letters), _MOST_LETTERS)
    value = np.add.reduceat((code & 31) << (_GROUP * place), first) if len(first) else first
    negative = (code[first + letters - 1] & 16) > 0
    value = value - np.where(negative, np.int64(1) << (_GROUP * np.minimum(letters, _MOST_LETTERS)), 0)
    # From the fourth on a run is told as the difference to the one before the last: sums along the odd and along the even ones.
    starts = np.searchsorted(owner, owner)
    nth = np.arange(len(owner)) - starts
    chain = np.where(nth == 0, 0, 2 - nth % 2)
    by = np.lexsort((nth, chain, owner))
    total = np.cumsum(value[by])
    head = np.flatnonzero(np.diff(owner[by], prepend=-1) | np.diff(chain[by], prepend=-1))
    before = np.where(head > 0, total[head - 1], 0)
    runs = np.empty_like(value)
    runs[by] = total - np.repeat(before, np.diff(head, append=len(by)))
    good[owner[runs < 0]] = False
    return runs, owner, good


def pixels(text: npt.NDArray[np.uint8], ends: Ints, height: Ints, width: Ints) -> Pixels:
    """What the masks of strings that stand one after the other hold.

    Args:
        text: their bytes, shape (n,).
        ends: where each string ends, shape (masks,).
        height: rows, shape (masks,).
        width: columns, shape (masks,).

    >>> found = pixels(np.frombuffer(b"22", np.uint8), np.array([2]), np.array([2]), np.array([2]))
    >>> found.pixels.tolist(), found.left.tolist(), found.bottom.tolist()
    ([2], [1], [2])
    """
    runs, owner, whole = run_lengths(text, ends)
    runs = np.where(whole[owner], runs, 0)
    masks = len(ends)
    whole &= (np.bincount(owner, runs, masks) == height * width.astype(np.float64)) & (height > 0) & (width > 0)
    till = np.cumsum(runs)
    base = np.zeros(masks, np.int64)
    heads = np.flatnonzero(np.diff(owner, prepend=-1))
    base[owner[heads]] = till[heads] - runs[heads]
    nth = np.arange(len(owner)) - np.searchsorted(owner, owner)
    ink = np.flatnonzero((nth % 2 == 1) & (runs > 0) & whole[owner])
    mask = owner[ink]
    rows = height[mask]
    begin = till[ink] - runs[ink] - base[mask]
    last = till[ink] - 1 - base[mask]
    left, right = begin // rows, last // rows
    many = right > left  # a run that goes on in the next column touches the lower edge and the upper one
    box = [np.full(masks, np.iinfo(np.int64).max), np.full(masks, np.iinfo(np.int64).max)]
    box += [np.zeros(masks, np.int64), np.zeros(masks, np.int64)]
    np.minimum.at(box[0], mask, left)
    np.minimum.at(box[1], mask, np.where(many, 0, begin % rows))
    np.maximum.at(box[2], mask, right + 1)
    np.maximum.at(box[3], mask, np.where(many, rows, last % rows + 1))
    held = np.bincount(mask, runs[ink], masks).astype(np.int64)
    return Pixels(whole, held, *(np.where(held > 0, edge, 0) for edge in box))
