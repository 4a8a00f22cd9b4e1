"""Formats: one file each. `read` puts what a source holds on the stage; `detect` says how sure it is that a path is its own.

A format module has:

- ``TITLE``: one line for `auditor formats` and for messages.
- ``detect(path, head) -> float``: 0..1; `head` is a file's first 64 KiB (b"" for a folder). Cheap, never raises.
- ``read(source, stage) -> None``: calls ``stage.add(table, rows)``; raises InputError (file, place, what, hint) for input that
  cannot be read, and keeps rows that can be read but are wrong.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.stage import Source, Stage

NAMES = ("long", "arrays", "coco", "voc", "label_studio")
HEAD_BYTES = 65_536
_MAX_EXPLAINED = 64 << 20  # bytes of JSON that are read whole only to say what is wrong with them


def load(name: str) -> Any:
    """The format module called `name`.

    Raises:
        UsageError: there is none.
    """
    if name not in NAMES:
        raise UsageError(f"unknown format {name!r}", f"choose one of {', '.join(NAMES)}")
    return import_module(f"auditor.formats.{name}")


def detect(path: Path) -> str:
    """The name of the format that `path` most likely has.

    Raises:
        InputError: it does not exist, is not readable, or no format claims it.
    """
    _plain(path)
    try:
        head = b"" if path.is_dir() else _head(path)
    except OSError as error:
        raise InputError(path, "", f"cannot be opened: {error.strerror or error}", "check the path and its permissions") from error
    scores = {name: load(name).detect(path, head) for name in NAMES}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] <= 0 and not path.is_dir():
        _explain(path, head)
    if scores[best] <= 0:
        raise InputError(path, "", "no known format", f"give --format, one of {', '.join(NAMES)}")
    return best


def read(source: Source, stage: Stage) -> str:
    """Read one source onto the stage, with its gold labels and predictions; returns the format's name."""
    _plain(source.path)
    name = source.format or detect(source.path)
    module = load(name)
    stage.begin(source.path.name)
    module.read(source, stage)
    return name


def _explain(path: Path, head: bytes) -> None:
    """Say why no format claims a file, where that can be told: it is empty, packed, in another encoding, or broken JSON."""
    from auditor.formats import scan, strictjson

    scan.opened(path)
    scan.refuse_other(path, head)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if not start:
        raise InputError(path, "", "holds only blanks", "export it again")
    if start in b"[{":
        if path.stat().st_size <= _MAX_EXPLAINED:
            strictjson.load(path, _MAX_EXPLAINED)
        raise InputError(path, "", "JSON, but neither COCO nor a Label Studio export", "give the file as its tool exported it")
    if start == b"<":
        raise InputError(path, "", "markup, but not Pascal VOC", "give the file as its tool exported it")


def _plain(path: Path) -> None:
    """Raise InputError for a pipe, a socket or a device: it would be waited for without end."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(path, "", "is neither a file nor a folder", "copy its contents to a file first")
    except OSError as error:
        raise InputError(path, "", f"cannot be opened: {error.strerror or error}", "check the path and its permissions") from error


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)
