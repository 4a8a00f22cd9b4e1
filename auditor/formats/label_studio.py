"""Label Studio's JSON export: a list of tasks, or one task a line; a file or a folder; with its label_config.xml if beside it.

Each control (`from_name`) is a task. A completion is one person's answer to one item: its results become annotations
`completion:result`, with `:1`, `:2` … for further labels of the same result. `seconds` is the lead time of the whole
completion, put on each of its annotations. Cancelled completions and drafts are left out. Where several files have
different items of one id, the item is called `file/id`.
Source: "Export annotations" and "Task format" in Label Studio's documentation; exports before version 1.0 say `completions`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.formats import strictjson
from auditor.formats.label_studio_config import read_config
from auditor.formats.label_studio_tasks import ANSWERS, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.stage import Source, Stage

TITLE = "Label Studio JSON export"
CALLED = "a Label Studio export"
TAKES: frozenset[str] = frozenset()
HINTS = {
    "map a column to value": "",
    "map a column to text": "",
    "map a column to annotator_id": "export it with completed_by",
    "give --predictions FILE": "give the answers as a table, with --predictions FILE",
    "give an ontology: a format that declares its classes, or --classes FILE": "put label_config.xml beside the export",
}
MAX_BYTES = 512 << 20  # bytes read at once; Python's objects need about ten times as much memory
_HINT = "export the project again as JSON (not JSON-MIN)"


def detect(path: Path, head: bytes) -> float:
    """0.9 for a list (or lines) of tasks with data and answers, and for a folder with such files; else 0."""
    try:
        return 0.9 if (_files(path) if path.is_dir() else _is_tasks(head)) else 0.0
    except (OSError, ValueError):
        return 0.0


def read(source: Source, stage: Stage) -> None:
    """Put an export on the stage.

    Raises:
        InputError: it is not JSON, or not a list of tasks; names the task's number and the key.
    """
    files = _files(source.path) if source.path.is_dir() else [source.path]
    if not files:
        raise InputError(source.path, "", "no Label Studio export is in this folder", _HINT)
    seen: dict[str, str] = {}
    for file in files:
        if len(files) > 1:
            stage.begin(file.name)
        config = read_config(file.parent)
        reader = Reader(file, config, source.split, stage, seen)
        for nth, task in enumerate(_tasks(file)):
            reader.take(nth, task)
        reader.finish()


def _tasks(file: Path) -> list[Any]:
    data = strictjson.read_bytes(file, MAX_BYTES)
    if data.lstrip()[:1] == b"{":
        whole = strictjson.decode(file, data)
        try:
            return [strictjson.loads(whole)]
        except json.JSONDecodeError:
            return list(_lines(file, whole))
        except ValueError as error:
            raise InputError(file, "", f"not JSON: {error}", _HINT) from error
    tasks = strictjson.load(file, MAX_BYTES)
    if not isinstance(tasks, list):
        raise InputError(file, "", "the JSON is not a list of tasks", _HINT)
    return tasks


def _lines(file: Path, whole: str) -> Iterator[Any]:
    for nth, line in enumerate(whole.split("\n"), 1):
        if line.strip():
            try:
                yield strictjson.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    file,
                    f"line {nth}, column {error.colno}",
                    f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}",
                    "the file may be cut off: export it again",
                ) from error
            except ValueError as error:
                raise InputError(file, f"line {nth}", f"not JSON: {error}", _HINT) from error


def _files(folder: Path) -> list[Path]:
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.suffix.lower() in {".json", ".jsonl"} and entry.is_file():
            with entry.open("rb") as stream:
                if _is_tasks(stream.read(65_536)):
                    found.append(entry)
    return found


def _is_tasks(head: bytes) -> bool:
    first, keys = strictjson.top_keys(head)
    if first not in {"[", "{"}:
        return False
    depth = 2 if first == "[" else 1
    outer = keys.get(depth, set())
    return bool(outer & {*ANSWERS, "predictions"}) and (
        "data" in outer or bool({"result", "completed_by", "was_cancelled"} & keys.get(depth + 2, set()))
    )
