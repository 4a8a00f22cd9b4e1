"""Formats: one file each. `read` puts what a source holds on the stage; `detect` says how sure it is that a path is its own.

A format module has:

- ``TITLE``: one line for `auditor formats` and for messages.
- ``CALLED``: what a sentence calls it.
- ``TAKES``: which of the options mapping, gold, predictions, classes it reads; others are refused, never ignored.
- ``HINTS``: what to say instead of a general hint on what a skipped check needs; "" where nothing could be given.
- ``detect(path, head) -> float``: 0..1; `head` is a file's first 64 KiB (b"" for a folder). Cheap, never raises.
- ``read(source, stage) -> None``: calls ``stage.add(table, rows)``; raises InputError (file, place, what, hint) for input that
  cannot be read, and keeps rows that can be read but are wrong.
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.stage import Source, Stage

NAMES = ("long", "arrays", "coco", "voc", "label_studio")
HEAD_BYTES = 65_536
_MAX_EXPLAINED = 64 << 20  # bytes of JSON that are read whole only to say what is wrong with them
_OPTIONS = ("mapping", "gold", "predictions", "classes")
_COLUMN = re.compile(r"map (?:a column|columns) to ([\w.]+)")
_WHO_AND_WHEN = frozenset({"annotator_id", "reviewer_id", "created_at", "seconds", "annotator.NAME"})
_MAX_ENTRIES = 2_000  # entries of a folder that are looked at to say why no format claims it


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
        if array := _array_in(path):
            hint = f"name one labels file and the probabilities: auditor audit {array} --predictions PROBS.npy"
            raise InputError(path, "", "a folder of arrays does not say which one holds the labels", hint)
        raise InputError(path, "", "no known format", f"give --format, one of {', '.join(NAMES)}")
    return best


def fitting(sources: Sequence[Source]) -> tuple[Source, ...]:
    """The sources with their formats, each with those options only that its format reads.

    The command line gives --map and --classes to every source: a format without columns may leave --map to another one.

    Raises:
        UsageError: no source that was given an option has a format that reads it.
        InputError: a format cannot be told.
    """
    told = [replace(source, format=source.format or detect(source.path)) for source in sources]
    for option in _OPTIONS:
        users = [source for source in told if getattr(source, option)]
        readers = [source for source in users if option in load(source.format).TAKES]
        if users and not readers:
            _refuse(users[0], option)
        empty: Any = {} if option == "mapping" else None
        told = [replace(one, **{option: empty}) if one in users and one not in readers else one for one in told]
    return tuple(told)


def read(source: Source, stage: Stage) -> str:
    """Read one source onto the stage, with its gold labels and predictions; returns the format's name.

    Raises:
        UsageError: an option is given that the format does not read.
        InputError: the source cannot be read.
    """
    _plain(source.path)
    name = source.format or detect(source.path)
    module = load(name)
    for option in _OPTIONS:
        if getattr(source, option) and option not in module.TAKES:
            _refuse(source, option)
    stage.begin(source.path.name)
    stage.formats.append(name)
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


def _refuse(source: Source, option: str) -> None:
    called = load(source.format or detect(source.path)).CALLED
    what = {
        "mapping": f"--map: {called} has no columns to map",
        "gold": f"--gold is not read with {called}",
        "predictions": f"--predictions are not read with {called}",
        "classes": f"--classes is not read with {called}: it names its classes itself",
    }[option]
    table = "give the labels as a table: CSV, TSV, JSON lines or Parquet, one row per annotation"
    raise UsageError(f"{source.path}: {what}", "leave it out" if option == "classes" else f"leave it out, or {table}")


def supply(hint: str, names: Sequence[str]) -> str:
    """What a skipped check needs, said so that it can be done in the formats that were read; "" if none of them could give it.

    >>> supply("map a column to created_at", ["long"]), supply("give --media FOLDER or map a column to value", ["coco"])
    ('map a column to created_at', 'give --media FOLDER')
    """
    if not hint or not names or "long" in names:
        return hint
    module = load(names[0])
    # "…, or --classes FILE" is one hint; " or " joins several
    parts = [_fitted(part, module) for part in re.split(r"(?<!,) or ", hint)]
    return " or ".join(dict.fromkeys(part for part in parts if part))


def _fitted(hint: str, module: Any) -> str:
    if hint in module.HINTS:
        return str(module.HINTS[hint])
    column = _COLUMN.fullmatch(hint)
    if column is None:
        return hint
    if column[1] in _WHO_AND_WHEN:
        return f"give a table that says who, when and for how long: {module.CALLED} does not"
    return f"give a table with a column for {column[1]}: {module.CALLED} has none"


def _array_in(folder: Path) -> str:
    """A .npy file of labels in a folder or below it, or ""."""
    if not folder.is_dir():
        return ""
    found = [path for _, path in zip(range(_MAX_ENTRIES), folder.rglob("*"), strict=False) if path.suffix == ".npy"]
    found.sort(key=lambda path: ("label" not in path.stem.lower(), path))
    return str(found[0]) if found else ""


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
