"""What changed between two releases: annotations added, removed and changed, findings gone and new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import release
from auditor.engines import duckdb as engine
from auditor.tables import TABLES, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

    from auditor.workspace import Workspace

# Columns in which two boxes may differ: told as one, "moved".
_PLACE = ("x", "y", "w", "h", "angle", "polygon", "mask", "keypoints", "start_char", "end_char", "start_s", "end_s", "frame")


@dataclass(frozen=True)
class Difference:
    """What changed from one state to another.

    Attributes:
        items: (added, removed).
        annotations: (added, removed, changed).
        changes: column -> annotations in which it changed; "place" stands for coordinates, offsets and times.
        relabelled: (label before, label after, how many), most first.
        gone: check -> findings that the new state has not.
        new: check -> findings that the old state had not.
    """

    items: tuple[int, int]
    annotations: tuple[int, int, int]
    changes: Mapping[str, int]
    relabelled: tuple[tuple[str, str, int], ...]
    gone: Mapping[str, int]
    new: Mapping[str, int]


def between(space: Workspace, old: str, new: str = "") -> Difference:
    """Compare a release with another one, or with the workspace as it is.

    Args:
        space: the workspace.
        old: a revision.
        new: a later revision; "" is the workspace.

    Raises:
        UsageError: there is no such revision.
        AuditorError: its data cannot be had.
    """
    with space.writing("diff") as work:
        files = {"old": _files(space, old), "new": _files(space, new)}
        con = engine.connect(work)
        try:
            for side, named in files.items():
                engine.add_views(con, {f"{side}_{name}": path for name, path in named.items()})
            both = all("findings" in named for named in files.values())
            changes = _changes(con)
            return Difference(
                _counts(con, "item", "item_id"),
                (*_counts(con, "annotation", "annotation_id"), changes.pop("any")),
                {name: count for name, count in changes.items() if count},
                tuple(
                    con.execute(
                        "SELECT coalesce(o.label, ''), coalesce(n.label, ''), count(*) FROM old_annotation o "
                        "JOIN new_annotation n USING (annotation_id) WHERE o.label IS DISTINCT FROM n.label "
                        "GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT 10"
                    ).fetchall()
                ),
                _findings(con, "old", "new") if both else {},
                _findings(con, "new", "old") if both else {},
            )
        finally:
            con.close()


def _files(space: Workspace, revision: str) -> dict[str, Path]:
    if not revision:
        folder = space.tables_folder()
        found = {name: folder / f"{name}.parquet" for name in ("item", "annotation")}
        findings = space.findings / "findings.parquet"
        return found | ({"findings": findings} if findings.is_file() else {})
    old = release.read_old(space, revision)
    found = {name: old.tables[name] for name in ("item", "annotation")}
    return found | ({"findings": old.findings} if old.findings else {})


def _counts(con: Connection, table: str, key: str) -> tuple[int, int]:
    def only(one: str, other: str) -> int:
        row = con.execute(f"SELECT count(*) FROM {one}_{table} ANTI JOIN {other}_{table} USING ({key})").fetchall()
        return int(row[0][0])

    return only("new", "old"), only("old", "new")


def _changes(con: Connection) -> dict[str, int]:
    columns = [name for name in TABLES["annotation"].columns if name != "annotation_id"]
    differ = {name: f"o.{quoted(name)} IS DISTINCT FROM n.{quoted(name)}" for name in columns}
    named = {name: sql for name, sql in differ.items() if name not in _PLACE}
    named["place"] = " OR ".join(differ[name] for name in _PLACE)
    named["any"] = " OR ".join(f"({sql})" for sql in differ.values())
    counted = ", ".join(f"count(*) FILTER ({sql}) AS {quoted(name)}" for name, sql in named.items())
    row = con.execute(f"SELECT {counted} FROM old_annotation o JOIN new_annotation n USING (annotation_id)").fetchall()[0]
    return dict(zip(named, map(int, row), strict=True))


def _findings(con: Connection, one: str, other: str) -> dict[str, int]:
    only = f"{one}_findings ANTI JOIN {other}_findings USING (finding_id)"
    query = f"SELECT check_id, count(*) FROM {only} GROUP BY check_id ORDER BY check_id"
    return dict(con.execute(query).fetchall())
