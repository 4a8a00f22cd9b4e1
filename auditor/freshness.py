"""What is stale: digests of the columns that something was made from, kept beside it and compared.

The digest of a column is that of its chunks' bytes in the Parquet file: the same rows give the same bytes (`tables.write_parquet`),
so equal digests mean equal columns, and what does not read a changed column stays fresh.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import measure
from auditor.files import sha256_file, write_text
from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.run import Session
    from auditor.settings import Settings


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in one fixed spelling.

    >>> digest_of({"b": 1, "a": [2]}) == digest_of({"a": [2], "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


class Digests:
    """Digests of the columns of Parquet files, remembered by the files' size, time and inode.

    Args:
        memory: a JSON file that keeps them from run to run, or None.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self.memory = memory
        self._known: dict[str, dict[str, Any]] = {}
        self._changed = False
        if memory is not None and memory.is_file():
            try:
                self._known = json.loads(memory.read_text(encoding="utf-8"))
            except ValueError:
                self._known = {}  # a cache that cannot be read is an empty cache

    def columns(self, path: Path, names: Iterable[str]) -> dict[str, str]:
        """Column -> digest of its values in `path`, with the number of rows; columns that the file lacks are left out."""
        wanted = set(names)
        entry = self._entry(path)
        missing = wanted - entry["columns"].keys()
        if missing:
            import pyarrow.parquet as pq  # not needed where nothing changed: `status` starts sooner

            metadata = pq.read_metadata(path)
            entry["columns"] |= _chunks(path, metadata, missing)
            self._changed = True
        return {name: entry["columns"][name] for name in sorted(wanted) if name in entry["columns"]}

    def present(self, path: Path) -> list[str]:
        """Columns of `path` in which a row is not NULL, sorted; empty where there are no rows."""
        from auditor.tables import present_columns

        entry = self._entry(path)
        if "present" not in entry:
            entry["present"] = sorted(present_columns(path))
            self._changed = True
        return list(entry["present"])

    def _entry(self, path: Path) -> dict[str, Any]:
        stat = path.stat()
        stamp = [stat.st_mtime_ns, stat.st_size, stat.st_ino]
        entry = self._known.get(str(path))
        if entry is None or entry["stamp"] != stamp:
            entry = self._known[str(path)] = {"stamp": stamp, "columns": {}}
        return entry

    def file(self, path: Path) -> str:
        """SHA-256 of a whole file."""
        entry = self._entry(path)
        if "sha256" not in entry:
            entry["sha256"] = sha256_file(path)
            self._changed = True
        return str(entry["sha256"])

    def save(self) -> None:
        """Keep them for the next run, those of files that are still there."""
        if self.memory is not None and self._changed:
            kept = {name: entry for name, entry in self._known.items() if Path(name).exists()}
            write_text(self.memory, json.dumps(kept) + "\n")
            self._changed = False


def _chunks(path: Path, metadata: Any, names: set[str]) -> dict[str, str]:
    hashes = {name: hashlib.sha256(metadata.num_rows.to_bytes(8, "big")) for name in names}
    seen: set[str] = set()
    with path.open("rb") as stream:
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for index in range(row_group.num_columns):
                chunk = row_group.column(index)
                name = chunk.path_in_schema.split(".")[0]
                if name not in names:
                    continue
                seen.add(name)
                first = chunk.data_page_offset
                if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                    first = min(first, chunk.dictionary_page_offset)
                stream.seek(first)
                data = stream.read(chunk.total_compressed_size)
                hashes[name].update(chunk.path_in_schema.encode() + len(data).to_bytes(8, "big"))
                hashes[name].update(data)
    if not metadata.num_row_groups:
        seen = {metadata.schema.to_arrow_schema().field(i).name for i in range(len(metadata.schema.to_arrow_schema()))} & names
    return {name: hashes[name].hexdigest() for name in seen}


@cache
def code_digest() -> str:
    """Digest of the code of all measures, of the tables' definition, and of the engine that runs them."""
    from importlib.metadata import version

    folder = Path(measure.__file__).parent
    parts = [folder / "tables.py", *sorted((folder / "measures").glob("*.py"))]
    return digest_of([[path.name, sha256_file(path)] for path in parts] + [version("duckdb")])


def measure_inputs(session: Session, stored: Mapping[str, Path], name: str, digests: Digests) -> dict[str, str]:
    """What a measure is made from: "table.column" -> digest, "code", and what the policy hides.

    Pixels count by the digest of each item's medium, so that a measure of them stays fresh where the media are not at hand.

    Args:
        session: the opened tables.
        stored: table -> its file in the workspace, before the policy hid anything.
        name: the measure.
        digests: of the stored files' columns.
    """
    found = {"code": code_digest(), "hidden": digest_of(sorted(session.hidden))}
    module = measure.load(name)
    for table, columns in session.reads(module).items():
        if table not in stored:
            found |= measure_inputs(session, stored, table, digests)
            continue
        wanted = {*columns, *TABLES[table].key} if columns else {*TABLES[table].columns}
        found |= {f"{table}.{column}": value for column, value in digests.columns(stored[table], wanted).items()}
    if getattr(module, "MEDIA", False):
        found |= {f"item.{c}": value for c, value in digests.columns(stored["item"], {"item_id", "sha256"}).items()}
    return found


def inputs_now(stored: Mapping[str, Path], then: Mapping[str, str], hidden: Iterable[str], digests: Digests) -> dict[str, str]:
    """As `measure_inputs`, from the names that it noted: needs neither the engine nor the measure's module."""
    found = {"code": code_digest(), "hidden": digest_of(sorted(hidden))}
    by_table: dict[str, set[str]] = {}
    for name in then:
        table, dot, column = name.partition(".")
        if dot:
            by_table.setdefault(table, set()).add(column)
    for table, columns in by_table.items():
        if table in stored:
            found |= {f"{table}.{column}": value for column, value in digests.columns(stored[table], columns).items()}
    return found


def state(
    stored: Mapping[str, Path],
    checks: Mapping[str, Path],
    settings: Settings,
    hidden: Iterable[str],
    digests: Digests,
    root: Path,
) -> dict[str, str]:
    """What findings are made from: every column that holds something, every check, the settings, the policy, the code.

    Args:
        stored: table -> its file in the workspace.
        checks: check -> its SQL file.
        settings: of auditor.toml.
        hidden: fields that the policy hides.
        digests: of the files.
        root: the workspace, from which the settings' paths of contracts count.
    """
    import auditor

    parts = {
        f"{table}.{column}": value
        for table, path in stored.items()
        for column, value in digests.columns(path, digests.present(path)).items()
    }
    parts |= {f"check {name}": sha256_file(path) for name, path in checks.items()}
    parts |= {f"contract {name}": sha256_file(root / name) for name in settings.contracts if (root / name).is_file()}
    asked = settings.model_dump(mode="json", include={"checks", "link", "contracts"}, exclude_defaults=True)
    return parts | {
        "settings": digest_of(asked), "policy": digest_of(sorted(hidden)), "code": code_digest(), "auditor": auditor.__version__,
    }  # fmt: skip


def read_keys(path: Path) -> dict[str, dict[str, str]]:
    """measures/keys.json: measure -> what it was made from; {} where there is none or it cannot be read."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names whose digests differ, in order.

    >>> changed({"a.x": "1", "code": "1"}, {"a.x": "2", "code": "1", "a.y": "3"})
    ['a.x', 'a.y']
    """
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
