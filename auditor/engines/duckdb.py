"""DuckDB connections: one for our own work, and locked ones for checks.

A locked connection reads the Parquet files named to it and nothing else: no other file, no network, no setting can be changed.
With the allow-list of `sqlguard` and, for checks that are not ours, the child process of `auditor.child`, this is the cage.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING, Any

from auditor.tables import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

DEFAULT_MEMORY = "1GB"
_open: weakref.WeakSet[Connection] = weakref.WeakSet()


def connect(work: Path, memory: str = DEFAULT_MEMORY, threads: int | None = None) -> Connection:
    """A connection for import, measures and outputs, that spills to `work` when it needs more than `memory`."""
    import duckdb

    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": memory,
        "threads": threads or os.cpu_count() or 1,
        "temp_directory": str(work / "spill"),
    }
    con = duckdb.connect(config=config)
    _open.add(con)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")
    return con


def interrupt() -> None:
    """Stop whatever any connection is doing; from another thread than theirs."""
    for con in list(_open):
        # One that is closed meanwhile has nothing to stop.
        with contextlib.suppress(Exception):
            con.interrupt()


def add_views(con: Connection, files: Mapping[str, Path]) -> None:
    """A view for each Parquet file, under its table's name."""
    for name, path in files.items():
        con.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS SELECT * FROM read_parquet([{literal(_unglobbed(path))}])")


def lock(con: Connection, files: Mapping[str, Path]) -> None:
    """Views for `files`, then everything else is closed, for good."""
    allowed = ", ".join(literal(_unglobbed(path)) for path in files.values())
    con.execute(f"SET allowed_paths = [{allowed}]")
    con.execute("SET enable_external_access = false")
    add_views(con, files)
    con.execute("SET lock_configuration = true")


def _unglobbed(path: Path) -> str:
    """The path as text, refused where DuckDB would take it for a pattern: our own files never hold such signs."""
    text = str(path)
    if any(sign in text for sign in "*?["):
        from auditor.errors import UsageError

        raise UsageError(f"{text}: the signs * ? [ cannot be part of a working folder's path", "choose another --out folder")
    return text
