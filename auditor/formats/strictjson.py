"""JSON that is not trusted, read strictly: no NaN, no key twice, UTF-8, bounded; a fault is one error that names its place."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.formats.scan import refuse_other

if TYPE_CHECKING:
    from pathlib import Path

CUT = "the file may be cut off: export or copy it again"
STRICT = "export it as plain JSON (RFC 8259)"
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:]', re.DOTALL)


class _RefusedError(ValueError):
    """Something that Python's parser would let pass."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise _RefusedError(f"an object has the key {twice[:80]!r} twice")
    return made


def _constant(name: str) -> Any:
    raise _RefusedError(f"{name} is not a JSON number")


def loads(text: str) -> Any:
    """Parse JSON strictly: no NaN, no key twice, no lone surrogate, at most 4,300 digits.

    Raises:
        ValueError: it is not such JSON (a json.JSONDecodeError where the place is known).

    >>> loads('{"a": [1, null]}')
    {'a': [1, None]}
    """
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _RefusedError("half of a surrogate pair stands in a string") from error
    except RecursionError as error:
        raise _RefusedError("it is nested too deeply") from error
    return value


def load(path: Path, limit: int) -> Any:
    """Read a whole JSON file strictly.

    Args:
        path: the file.
        limit: the largest size read, in bytes.

    Raises:
        InputError: it cannot be opened, is too large, is not UTF-8 or not JSON; names line and column.
    """
    data = read_bytes(path, limit)
    text = decode(path, data)
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            path, f"line {error.lineno}, column {error.colno}", f"not JSON: {plain(error)}", hint(error, len(text))
        ) from error
    except ValueError as error:
        raise InputError(path, "", f"not JSON: {plain(error)}", STRICT) from error


def read_bytes(path: Path, limit: int) -> bytes:
    """A file's bytes, without a byte order mark.

    Raises:
        InputError: it cannot be opened, is empty or larger than `limit`.
    """
    try:
        if (size := path.stat().st_size) > limit:
            raise InputError(
                path, "", f"{size:,} bytes are more than the {limit:,} that are read at once", "split it into several files"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            path, "", f"cannot be opened: {getattr(error, 'strerror', None) or error}", "check the path and its permissions"
        ) from error
    if not data.strip():
        raise InputError(path, "", "the file is empty", "export it again")
    return data.removeprefix(codecs.BOM_UTF8)


def decode(path: Path, data: bytes) -> str:
    """UTF-8 bytes as text.

    Raises:
        InputError: they are not UTF-8; names the byte.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        refuse_other(path, data[:64])
        raise InputError(path, f"byte {error.start + 1}", "not UTF-8 text", "save it as UTF-8") from error


def top_keys(head: bytes) -> tuple[str, dict[int, set[str]]]:
    """The first character of the start of a JSON text, and the keys seen at each depth (1 is the outermost).

    >>> top_keys(b' {"a": {"b": 1}, "c": [{')[1] == {1: {"a", "c"}, 2: {"b"}}
    True
    """
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    depth, last, keys = 0, b"", dict[int, set[str]]()
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in b"[{":
            depth += 1
        elif token in b"]}":
            depth -= 1
        elif token == b":" and last[:1] == b'"':
            keys.setdefault(depth, set()).add(last[1:-1].decode(errors="replace"))
        last = token
    return text[:1].decode("ascii", errors="replace"), keys


def plain(error: ValueError) -> str:
    """What a JSON error says, lower case."""
    return error.msg[:1].lower() + error.msg[1:] if isinstance(error, json.JSONDecodeError) else str(error)[:160]


def hint(error: json.JSONDecodeError, length: int) -> str:
    """What to do about a JSON error in a text of this length."""
    return CUT if error.pos >= length - 1 else STRICT
