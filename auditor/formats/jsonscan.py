"""Large JSON objects that are not trusted: their arrays as byte ranges.

`scan` walks a file's brackets with NumPy, a block at a time, and gives the byte range of every element of the arrays
asked for, so that DuckDB can parse them in small batches: no Python object per element, memory far below the file's size.
"""

from __future__ import annotations

import codecs
import json
import mmap
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.ahead import ahead
from auditor.errors import InputError
from auditor.formats.scan import refuse_other
from auditor.formats.strictjson import CUT, STRICT, hint, loads, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

MAX_DEPTH = 64  # levels; label files need fewer than ten
MAX_ELEMENT = 64 << 20  # bytes of one element: the largest COCO mask known is under 1 MB
MAX_REST = 64 << 20  # bytes outside the large arrays
BLOCK = 4 << 20  # bytes looked at in one step
BATCH = 2 << 20  # bytes of elements handed to DuckDB at once
_KEY = re.compile(rb'"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*\Z')


@dataclass(frozen=True)
class Scan:
    """A JSON object whose large arrays are left where they are.

    Attributes:
        path: the file.
        rest: the object without the elements of its large arrays (their lists are empty).
        ranges: array -> int64 of shape (elements, 2): first byte and byte after the last of each element.
        data: the file's bytes.
    """

    path: Path
    rest: dict[str, Any]
    ranges: dict[str, NDArray[np.int64]]
    data: mmap.mmap

    def reader(self, name: str) -> pa.RecordBatchReader:
        """The elements of an array as Arrow batches with the columns nth (the element's number from 0) and elem (its JSON text)."""
        import pyarrow as pa

        schema = pa.schema([("nth", pa.int64()), ("elem", pa.string())])
        return pa.RecordBatchReader.from_batches(schema, self._batches(name, schema))

    def explain(self, name: str, otherwise: Exception) -> InputError:
        """The first element that is not strict JSON, as an error that names its place; else what DuckDB said."""
        first = str(otherwise).splitlines()[0][:200] if str(otherwise) else type(otherwise).__name__
        return self.fault(name) or InputError(self.path, name, f"cannot be read: {first}", "export it again")

    def fault(self, name: str) -> InputError | None:
        """The first element that is not strict JSON, as an error that names its place: slow, for files with a fault."""
        for nth, (start, end) in enumerate(self.ranges[name].tolist()):
            try:
                loads(self.data[start:end].decode())
            except ValueError as error:
                offset = len(error.doc[: error.pos].encode()) if isinstance(error, json.JSONDecodeError) else 0
                where = f"{place(self.data, start + offset)} ({name}[{nth}])"
                return InputError(self.path, where, f"not JSON: {plain(error)}", STRICT)
        return None

    def _batches(self, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        ranges, first = self.ranges[name], 0
        while first < len(ranges):
            base = int(ranges[first, 0])
            last = max(first + 1, int(np.searchsorted(ranges[:, 1], base + BATCH, side="right")))
            part = ranges[first:last]
            # What stands between elements (a comma, checked by the scan) becomes blank, so that they lie end to end without a copy.
            text = np.frombuffer(bytearray(self.data[base : int(part[-1, 1])]), np.uint8)
            ends, gaps = part[:-1, 1] - base, part[1:, 0] - part[:-1, 1]
            if len(gaps):
                text[np.repeat(ends - np.cumsum(gaps) + gaps, gaps) + np.arange(gaps.sum())] = ord(" ")
            offsets = np.append(part[:, 0] - base, len(text)).astype(np.int32)
            elements = pa.StringArray.from_buffers(len(part), pa.py_buffer(offsets), pa.py_buffer(text))
            # Pages already read count as this process's memory until it says that it is done with them.
            self.data.madvise(mmap.MADV_DONTNEED)
            yield pa.record_batch([pa.array(np.arange(first, last)), elements], schema=schema)
            first = last


def scan(path: Path, wanted: frozenset[str]) -> Scan:
    """Find the elements of the top-level arrays called `wanted` in a file that holds one JSON object.

    Raises:
        InputError: it cannot be opened, is not UTF-8, is cut off, is nested deeper than `MAX_DEPTH`, or is no such object.
    """
    try:
        with path.open("rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        what = "the file is empty" if isinstance(error, ValueError) else f"cannot be opened: {error.strerror or error}"
        raise InputError(
            path, "", what, "export it again" if isinstance(error, ValueError) else "check the path and its permissions"
        ) from error
    begin = len(codecs.BOM_UTF8) if data[:3] == codecs.BOM_UTF8 else 0
    events = _events(path, data, begin)
    opens = events[(events[:, 1] == 2) & (events[:, 2] == 1)][:, 0]
    closes = events[(events[:, 1] == 1) & (events[:, 2] == -1)][:, 0]
    starts = events[(events[:, 1] == 3) & (events[:, 2] == 1)][:, 0]
    ends = events[(events[:, 1] == 2) & (events[:, 2] == -1)][:, 0] + 1
    ranges, cuts = dict[str, Any](), list[tuple[int, int]]()
    for start, end in zip(opens.tolist(), closes.tolist(), strict=False):
        key = _KEY.search(data[max(begin, start - 256) : start])
        name = key.group(1).decode(errors="replace") if key else ""
        if data[start : start + 1] == b"[" and name in wanted and name not in ranges:
            chosen = slice(*np.searchsorted(starts, (start, end)))
            ranges[name] = np.stack([starts[chosen], ends[chosen]], axis=1)
            _check_between(path, data, name, start + 1, end, ranges[name])
            cuts.append((start + 1, end))
    rest = _rest(path, data, begin, cuts)
    if not isinstance(rest, dict):
        raise InputError(
            path, place(data, begin), "the JSON is not an object", "give the file with images, annotations and categories"
        )
    for name in wanted:
        if rest.get(name):
            raise InputError(path, f"key {name!r}", "is not a plain list of objects", STRICT)
        ranges.setdefault(name, np.empty((0, 2), np.int64))
    return Scan(path, rest, ranges, data)


def place(data: mmap.mmap | bytes, offset: int) -> str:
    r"""`line n, column m` of a byte, both from 1, the column in bytes.

    >>> place(b"ab\ncd", 4)
    'line 2, column 2'
    """
    line = 1 + sum(data[at : min(at + BLOCK, offset)].count(b"\n") for at in range(0, offset, BLOCK))
    newline = data.rfind(b"\n", 0, offset)
    return f"line {line}, column {offset - newline}"


def _events(path: Path, data: mmap.mmap, begin: int) -> NDArray[np.int64]:
    """Brackets up to depth 3 outside strings: (byte, depth after it, +1 opening or -1 closing), shape (n, 3)."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    depth, inside, escaped, found = 0, False, False, [np.empty((0, 3), np.int64)]

    def tokens_of(at: int) -> tuple[int, bytes, bool, NDArray[np.int64]]:
        raw = data[at : at + BLOCK]
        block = np.frombuffer(raw, np.uint8)
        # The mask: [ ] { } and Y, _, y, DEL, which go next.
        return at, raw, raw.isascii(), np.flatnonzero((block == ord('"')) | ((block & 0xD9) == 0x59))

    for at, raw, ascii_only, tokens in ahead(tokens_of, range(begin, len(data), BLOCK)):
        pending = len(decoder.getstate()[0])
        try:
            if pending or not ascii_only:
                decoder.decode(raw)
        except UnicodeDecodeError as error:
            refuse_other(path, data[:64])
            raise InputError(path, place(data, max(0, at - pending + error.start)), "not UTF-8 text", "save it as UTF-8") from error
        block = np.frombuffer(raw, np.uint8)
        kind = block[tokens]
        quote = kind == ord('"')
        hidden, escaped = _escaped(block, escaped)
        if len(hidden):
            quote &= ~np.isin(tokens, hidden)
        within = (np.cumsum(quote) + inside) & 1
        bracket = (within == 0) & np.isin(kind, np.frombuffer(b"[]{}", np.uint8))
        sign = (kind[bracket].astype(np.int64) & 2) - 1  # [ and { have this bit, ] and } have not
        levels = depth + np.cumsum(sign)
        where = at + tokens[bracket]
        if len(levels):
            if levels.max() > MAX_DEPTH:
                raise InputError(path, place(data, int(where[levels.argmax()])), f"nested deeper than {MAX_DEPTH} levels", STRICT)
            if levels.min() < 0:
                raise InputError(path, place(data, int(where[(levels < 0).argmax()])), "not JSON: a bracket closes nothing", STRICT)
            depth = int(levels[-1])
            shallow = levels <= 2 + (sign > 0)
            found.append(np.stack([where[shallow], levels[shallow], sign[shallow]], axis=1))
        inside = bool(within[-1]) if len(within) else inside
        data.madvise(mmap.MADV_DONTNEED)
    if depth or inside or decoder.getstate()[0]:
        raise InputError(path, place(data, len(data)), "not JSON: it ends in the middle", CUT)
    return np.concatenate(found)


def _escaped(block: NDArray[np.uint8], carried: bool) -> tuple[NDArray[np.int64], bool]:
    """Positions of characters after an odd run of backslashes, and whether the block ends with such a run."""
    slashes = np.flatnonzero(block == ord("\\"))
    if carried:
        slashes = np.concatenate([[-1], slashes])
    if not len(slashes):
        return slashes, False
    first = np.diff(slashes, prepend=-9) != 1
    begun = np.maximum.accumulate(np.where(first, slashes, -9))
    last = np.append(first[1:], True)
    hidden = slashes[last & ((slashes - begun) % 2 == 0)] + 1
    return hidden, bool(len(hidden) and hidden[-1] == len(block))


def _check_between(path: Path, data: mmap.mmap, name: str, start: int, end: int, ranges: NDArray[np.int64]) -> None:
    """Elements are objects, parted by one comma each: what stands between them is not seen by the parser."""
    if not len(ranges):
        if data[start:end].strip():
            raise InputError(path, f"{place(data, start)} ({name})", "is not a list of objects", STRICT)
        return
    if (sizes := ranges[:, 1] - ranges[:, 0]).max() > MAX_ELEMENT:
        nth = int(sizes.argmax())
        raise InputError(
            path,
            f"{place(data, int(ranges[nth, 0]))} ({name}[{nth}])",
            f"one element has more than {MAX_ELEMENT:,} bytes",
            "split it",
        )
    froms = np.append(start, ranges[:, 1])
    gaps = np.append(ranges[:, 0], end) - froms
    for length in np.unique(gaps).tolist():
        chosen = np.flatnonzero(gaps == length)
        if length <= 256:
            rows = np.frombuffer(data, np.uint8)[froms[chosen, None] + np.arange(length)]
            blank = np.isin(rows, np.frombuffer(b" \t\r\n", np.uint8))
            commas, others = (rows == ord(",")).sum(axis=1), (~blank & (rows != ord(","))).sum(axis=1)
        else:
            texts = [data[int(froms[gap]) : int(froms[gap]) + length].strip(b" \t\r\n") for gap in chosen]
            commas, others = (
                np.array([text.count(b",") for text in texts]),
                np.array([len(text) - text.count(b",") for text in texts]),
            )
        wanted = ((chosen > 0) & (chosen < len(ranges))).astype(np.int64)
        wrong = np.flatnonzero((commas != wanted) | (others > 0))
        if len(wrong):
            nth = int(chosen[wrong[0]])
            raise InputError(
                path,
                f"{place(data, int(froms[nth]))} ({name}, before element {nth})",
                "not JSON: objects are not parted by one comma",
                STRICT,
            )
    brackets = np.frombuffer(data, np.uint8)[ranges[:, 0]] != ord("{")
    if brackets.any():
        nth = int(brackets.argmax())
        raise InputError(
            path, f"{place(data, int(ranges[nth, 0]))} ({name}[{nth}])", "is not an object", "give the file as its tool exported it"
        )


def _rest(path: Path, data: mmap.mmap, begin: int, cuts: list[tuple[int, int]]) -> Any:
    edges = [begin, *(edge for cut in sorted(cuts) for edge in cut), len(data)]
    pieces = list(zip(edges[::2], edges[1::2], strict=True))
    if sum(end - start for start, end in pieces) > MAX_REST:
        raise InputError(
            path, "", f"more than {MAX_REST:,} bytes stand outside its lists of images and annotations", "is it a COCO file?"
        )
    raw = b"".join(data[start:end] for start, end in pieces)
    try:
        return loads(raw.decode())
    except json.JSONDecodeError as error:
        left = len(error.doc[: error.pos].encode())
        for start, end in pieces:
            if left <= end - start:
                break
            left -= end - start
        raise InputError(path, place(data, start + left), f"not JSON: {plain(error)}", hint(error, len(error.doc))) from error
    except ValueError as error:
        raise InputError(path, "", f"not JSON: {plain(error)}", STRICT) from error
