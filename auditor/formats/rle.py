"""Run-length codes of masks: COCO's compressed string, and the brush of Label Studio.

COCO counts pixels column by column, starting with a run of zeros; its string writes each count as the difference to
the count two before it (from the fourth on), in groups of five bits, low first, with a sign, offset by 48.
Source: Lin et al., Microsoft COCO (2014), mask API; the format of Label Studio's brush is that of @thi.ng/rle-pack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_PIXELS = 64_000_000  # of a brush: four bytes a pixel are unpacked; more is a decompression bomb until somebody says otherwise
_MAX_COUNT = 1 << 40
_MAX_GROUPS = 9  # of five bits: more than a count of `_MAX_COUNT` needs


def encode(counts: Sequence[int] | NDArray[np.int64]) -> str:
    """COCO's compressed string of run lengths.

    Args:
        counts: run lengths in pixels, each >= 0, zeros first.

    Raises:
        ValueError: a count is negative or absurd.

    >>> encode([10, 10, 5, 10, 15])
    '::50:'
    """
    values = np.asarray(counts, np.int64)
    if values.ndim != 1 or (len(values) and (values.min() < 0 or values.max() > _MAX_COUNT)):
        raise ValueError("run lengths are whole numbers from 0")
    rest = values.copy()
    rest[3:] -= values[1:-2]
    groups, live = [], np.ones(len(rest), bool)
    while live.any():
        low = rest & 31
        rest >>= 5
        more = live & np.where(low & 16, rest != -1, rest != 0)
        groups.append(np.where(live, low + 32 * more + 48, 0))
        live = more
    if not groups:
        return ""
    flat = np.stack(groups, axis=1).ravel()
    return flat[flat > 0].astype(np.uint8).tobytes().decode("ascii")


def decode(text: str) -> list[int]:
    """Run lengths of COCO's compressed string.

    Raises:
        ValueError: it is not such a string.

    >>> decode("::50:")
    [10, 10, 5, 10, 15]
    """
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError("not a run-length string")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift or any(count < 0 for count in counts):
        raise ValueError("not a run-length string")
    return counts


def totals(texts: Sequence[str]) -> NDArray[np.int64]:
    """How many pixels each of COCO's compressed strings counts; -1 where it is not such a string.

    The same as `sum(decode(text))`, for many at once.

    >>> totals(["::50:", "", "0P", "ÿ", "::5"]).tolist()
    [50, 0, -1, -1, 25]
    """
    data = [text.encode("utf-8", "surrogatepass") for text in texts]
    code = np.frombuffer(b"".join(data), np.uint8).astype(np.int64) - 48
    lengths = np.array([len(text) for text in data], np.int64)
    made = np.zeros(len(texts), np.int64)
    # A number ends where no more groups of five bits follow, and so must every string.
    owner = np.repeat(np.arange(len(texts)), lengths)
    ends = code & 32 == 0
    broken = np.zeros(len(texts), bool)
    broken[owner[(code < 0) | (code > 63)]] = True
    filled = lengths > 0
    broken[filled] |= ~ends[np.cumsum(lengths)[filled] - 1]
    keep = ~broken[owner]
    code, ends, owner = code[keep], ends[keep], owner[keep]
    if not len(code):
        made[broken] = -1
        return made
    last = np.flatnonzero(ends)
    first = np.append(0, last[:-1] + 1)
    whose = owner[last]
    groups = last - first + 1
    broken[whose[groups > _MAX_GROUPS]] = True
    shift = np.minimum(np.arange(len(code)) - np.repeat(first, groups), _MAX_GROUPS - 1) * 5
    value = np.add.reduceat((code & 31) << shift, first)
    value -= np.where(code[last] & 16, np.int64(1) << np.minimum(5 * groups, 5 * _MAX_GROUPS), 0)
    # Counts are written as the difference to the one two before, from the fourth on: two running sums within each string.
    starts = np.flatnonzero(np.append(True, whose[1:] != whose[:-1]))
    nth = np.arange(len(whose)) - np.repeat(starts, np.diff(np.append(starts, len(whose))))
    counts = value.copy()
    for chain in ((nth % 2 == 1), (nth % 2 == 0) & (nth > 0)):
        running = np.cumsum(value[chain])
        begins = np.flatnonzero(np.append(True, whose[chain][1:] != whose[chain][:-1])) if chain.any() else np.empty(0, np.int64)
        before = np.append(0, running)[begins]
        counts[chain] = running - np.repeat(before, np.diff(np.append(begins, len(running))))
    broken[whose[(counts < 0) | (counts > _MAX_COUNT)]] = True
    np.add.at(made, whose, np.clip(counts, 0, _MAX_COUNT))
    made[broken] = -1
    return made


def of_mask(mask: NDArray[np.bool_]) -> str:
    """COCO's compressed string of a mask of shape (height, width).

    >>> of_mask(np.array([[False, True], [False, True]]))
    '22'
    """
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False)) if len(flat) else np.empty(0, np.int64)
    return encode(np.diff(np.concatenate([[0], edges, [len(flat)]])))


def unpack_brush(code: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask of a brush of Label Studio: where its alpha is more than 127.

    Args:
        code: bytes, 0..255: 32 bits number of values, 5 bits word size - 1, 4 x 4 bits run sizes - 1, then runs: a bit
            that says whether one value repeats, 2 bits which run size, the length - 1, and the value or values.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        Booleans of shape (height, width).

    Raises:
        ValueError: it is no such code, or does not fit the size.
    """
    expected = height * width * 4
    if not 0 < expected <= 4 * MAX_PIXELS:
        raise ValueError("the image has no size")
    raw = np.asarray(code)
    if raw.ndim != 1 or raw.dtype.kind not in "iu" or (len(raw) and (raw.min() < 0 or raw.max() > 255)):
        raise ValueError("not a list of bytes")
    bits = _Bits(raw.astype(np.uint8).tobytes())
    if bits.take(32) != expected:
        raise ValueError("it does not fit the image")
    word = bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in range(4)]
    parts: list[NDArray[np.uint8]] = []
    done = 0
    while done < expected:
        repeats = bits.take(1)
        length = bits.take(sizes[bits.take(2)]) + 1
        if done + length > expected:
            raise ValueError("it is longer than the image")
        if repeats:
            parts.append(np.full(length, bits.take(word) & 255, np.uint8))
        else:
            parts.append(np.array([bits.take(word) & 255 for _ in range(length)], np.uint8))
        done += length
    return np.concatenate(parts).reshape(height, width, 4)[:, :, 3] > 127


class _Bits:
    """Bits of bytes, high first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        first, last = self._at // 8, (self._at + count + 7) // 8
        if last > len(self._data):
            raise ValueError("it ends in the middle")
        window = int.from_bytes(self._data[first:last], "big")
        self._at += count
        return (window >> (8 * last - self._at)) & ((1 << count) - 1)
