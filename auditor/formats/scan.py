"""A text file's bytes, checked once in bounded memory before a parser sees them: encoding, NUL bytes, lines without end."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The longest line a label table may have; an exported label with its text is far shorter, a broken export is not.
MAX_LINE = 16 * 1024 * 1024
_CHUNK = 4 * 1024 * 1024
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def opened(path: Path) -> bytes:
    """The first 64 KiB of a regular file.

    Raises:
        InputError: it is a folder, is missing, may not be read, or is empty.
    """
    if path.is_dir():
        raise InputError(path, "", "is a folder, not a file", "give the table itself")
    try:
        if path.exists() and not path.is_file():
            raise InputError(path, "", "is not a regular file", "copy its contents to a file first")
        with path.open("rb") as stream:
            head = stream.read(65_536)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(path, "", f"cannot be opened: {reason}", "check the path and its permissions") from error
    if not head:
        raise InputError(path, "", "the file is empty", "export it again")
    return head


def check_text(path: Path, progress: Callable[[str, int, int | None], None] | None = None) -> None:
    """Make sure that a file is UTF-8 text without NUL bytes, with lines of at most 16 MiB.

    Raises:
        InputError: it is not; names the line and, for a wrong encoding, the byte.
    """
    head = opened(path)
    refuse_other(path, head)
    size = path.stat().st_size
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, since, done = 1, 0, 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            pending = len(decoder.getstate()[0])
            if (nul := chunk.find(b"\0")) >= 0:
                line = lines + chunk.count(b"\n", 0, nul)
                raise InputError(path, f"line {line}", "a NUL byte stands in the text", "export it as plain UTF-8 text")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                _refuse_encoding(path, lines, chunk, max(error.start - pending, 0), error)
            first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
            since = since + len(chunk) if first < 0 else since + first
            if since > MAX_LINE:
                raise InputError(
                    path,
                    f"line {lines}",
                    f"is longer than {MAX_LINE // 1024**2} MiB",
                    "is this a label table? look for a missing line break",
                )
            if first >= 0:
                since = len(chunk) - last - 1
                lines += chunk.count(b"\n")
            done += len(chunk)
            if progress is not None:
                progress(f"checking {path.name}", done, size)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError(
            path, f"line {lines}", "the file ends in the middle of a character", "it was cut off: export it again"
        ) from error


def wide(head: bytes) -> bool:
    """Whether the start of a file is UTF-16 or UTF-32, with or without a byte order mark."""
    return head.startswith(_WIDE) or (head[1:64:2].count(0) > 8 and not head[0:64:2].count(0))


def refuse_other(path: Path, head: bytes) -> None:
    """Raise InputError where the start of a file shows another encoding, or that it is compressed."""
    if wide(head):
        raise InputError(path, "byte 0", "is not UTF-8: it looks like UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW")
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            raise InputError(path, "", f"is compressed ({name})", "unpack it first")


def _refuse_encoding(path: Path, lines: int, chunk: bytes, at: int, error: UnicodeDecodeError) -> None:
    line = lines + chunk.count(b"\n", 0, at)
    column = at - chunk.rfind(b"\n", 0, at)
    byte = chunk[at] if at < len(chunk) else 0
    raise InputError(
        path,
        f"line {line}, byte {column}",
        f"is not UTF-8 (byte 0x{byte:02x})",
        "convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW",
    ) from error
