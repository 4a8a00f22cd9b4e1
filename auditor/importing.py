"""`auditor import`: reads sources, protects what the policy protects, and replaces the rows of the source that it names.

An act, not a DVC stage: a clear source that DVC tracked would defeat sealing. Everything is made in a private folder and put in
place by one journal, so a killed import leaves the workspace as it was, or as it shall be.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor import formats, freshness, journal, provenance, workspace
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError, UsageError
from auditor.files import sha256_file, write_text
from auditor.protection import storing
from auditor.stage import Stage
from auditor.tables import TABLES, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from auditor.clash import Clash
    from auditor.protection.identity import Identity
    from auditor.stage import Source, Tables
    from auditor.workspace import Workspace

# What cannot be tracked as media: the workspace as a whole, and its own folders.
_OURS = {
    ".auditor", ".dvc", ".git", "at", "checks", "findings", "grants", "ledger", "measures", "policies", "private", "releases",
    "report", "reviews", "sources", "tables",
}  # fmt: skip
NOTE = "label-auditor/source/1"


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        name: the source's.
        rows: table -> rows, of tables that have any.
        replaced: the source was there before.
        unchanged: it was there before with the same rows.
        notes: what was guessed, dropped, protected.
        sources: all sources of the workspace.
        clashes: ids and values that it shares with another source, and whose are kept.
    """

    name: str
    rows: dict[str, int]
    replaced: bool
    unchanged: bool
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    clashes: tuple[str, ...] = ()


def default_name(source: Path) -> str:
    """A source's name where none is given: that of its file, without what cannot be in a name.

    >>> from pathlib import Path
    >>> default_name(Path("data/batch 1.csv"))
    'batch-1'
    """
    made = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "-" for sign in source.resolve().stem)
    return workspace.source_name(made.strip("._-")[:64] or "source")


def run_import(
    space: Workspace,
    sources: Sequence[Source],
    name: str,
    *,
    media: Path | None = None,
    track: bool = False,
    who: Identity | None = None,
    anew: bool = False,
    progress: Callable[[str, int, int | None], None],
) -> Imported:
    """Import sources under one name.

    Args:
        space: the workspace.
        sources: files or folders.
        name: the source's name; its rows are replaced.
        media: the folder with the items' files, or None.
        who: the identity of whoever imports, if they have one: keeps the keys of sealed columns where the policy permits it.
        track: releases keep the media folder too; it must lie in the workspace.
        anew: pseudonyms may change, where this machine has another key than the one of earlier imports.
        progress: called with what, done, total.

    Raises:
        InputError: a source cannot be read.
        AuditorError: a field has no rule in policies/fields.toml, or would be sealed to nobody.
        UsageError: media to be tracked lie outside the workspace.
    """
    name = workspace.source_name(name)
    if name == workspace.MERGED:
        raise UsageError(f"{name!r} cannot name a source", "choose another --name")
    tracked = _tracked(space, media, track=track)
    settings = space.settings()
    with space.writing(f"import {name}") as work:
        key = storing.verify_key(space, anew=anew)
        (work / "clear").mkdir()
        tables, inputs = _read(space, sources, media, work, settings.memory, progress)
        guarded = storing.guard(space, tables, name, work, who, settings.memory)
        if (space.tables / name).is_dir():
            space.verify_ours(space.tables / name)
        before = space.sources()
        rows = {table: count for table, count in tables.rows.items() if count}
        note = {
            "format": NOTE,
            "inputs": inputs,
            "rows": rows,
            "treated": dict(guarded.treated),
            "pseudonym_key": key,
            "notes": (said := [*tables.notes, *guarded.notes]),
            "digest": _digest(guarded.folder),
            **({"track": tracked} if tracked else {}),
        }
        write_text(work / "note.json", json.dumps(note, indent=1, ensure_ascii=False) + "\n")
        moves = {guarded.folder: space.tables / name, work / "note.json": space.root / "sources" / f"{name}.json", **guarded.moves}
        if tables.media is not None:
            kept = work / "media.parquet"
            tables.media.rename(kept)
            moves[kept] = space.state / "media" / f"{name}.parquet"
        names = sorted({*before, name})
        clashes: list[Clash] = []
        removals = [] if len(names) > 1 else [space.tables / workspace.MERGED]
        if len(names) > 1:
            progress("merging sources", 0, None)
            folders = {one: guarded.folder if one == name else space.tables / one for one in names}
            clashes = merge(folders, work / "merged", work, settings.memory)
            moves[work / "merged"] = space.tables / workspace.MERGED
        # Nothing in clear is left when the journal is written: what a killed process leaves from then on is protected.
        shutil.rmtree(work / "clear")
        journal.commit(space.root, moves, removals)
    same = name in before and before[name].get("digest") == note["digest"]
    own = tuple(one.sentence() for one in clashes if name in {one.first, one.second})
    return Imported(name, rows, name in before, same, tuple(said), tuple(names), own)


def _tracked(space: Workspace, media: Path | None, *, track: bool) -> str:
    if not track:
        return ""
    if media is None:
        raise UsageError("there are no media to track", "give --media FOLDER as well")
    if not media.resolve().is_relative_to(space.root):
        raise UsageError(f"{media} is outside the workspace: DVC cannot track it", "move it into the workspace")
    inside = media.resolve().relative_to(space.root)
    if not inside.parts or inside.parts[0] in _OURS:
        raise UsageError(
            f"{media} holds files of the workspace itself: releases cannot keep it as media", "give the media a folder of their own"
        )
    return str(inside)


def _read(
    space: Workspace,
    sources: Sequence[Source],
    media: Path | None,
    work: Path,
    memory: str,
    progress: Callable[[str, int, int | None], None],
) -> tuple[Tables, list[dict[str, Any]]]:
    con = engine.connect(work, memory)
    try:
        stage = Stage(con, work)
        stage.progress = progress
        inputs = []
        for source in formats.fitting(sources):
            progress(f"reading {source.path.name}", 0, None)
            described = provenance.describe(source, formats.read(source, stage))
            inside = source.path.resolve().is_relative_to(space.root)
            inputs.append(described | ({"path": os.path.relpath(source.path.resolve(), space.root)} if inside else {}))
        return stage.finish(work / "clear", media), inputs
    finally:
        con.close()


def merge(folders: dict[str, Path], target: Path, work: Path, memory: str) -> list[Clash]:
    """All sources as one set of tables: where two speak of one item or one annotator, the first in order wins.

    Returns:
        What several of them have.
    """
    missing = [name for name, folder in folders.items() if not (folder / "item.parquet").is_file()]
    if missing:
        raise AuditorError(f"the tables of {missing[0]} are not here", "run dvc pull (or dvc checkout) first")
    target.mkdir()
    con = engine.connect(work, memory)
    try:
        stage = Stage(con, work)
        for name, folder in folders.items():
            stage.begin(name)
            for table, spec in TABLES.items():
                engine.add_views(con, {f"part_{table}": folder / f"{table}.parquet"})
                columns = ", ".join(quoted(column) for column in spec.columns if column != "intake_id")
                stage.add(table, f"SELECT {columns} FROM part_{table}")
        stage.finish(target)
        return stage.clashes
    finally:
        con.close()


def _digest(folder: Path) -> str:
    return freshness.digest_of([[path.name, sha256_file(path)] for path in sorted(folder.iterdir())])


def forget(space: Workspace, name: str, progress: Callable[[str, int, int | None], None]) -> None:
    """Remove a source and its rows from the workspace; releases that hold it stay as they are.

    Raises:
        UsageError: there is no such source.
    """
    with space.writing(f"forget {name}") as work:
        names = sorted(space.sources())
        if name not in names:
            raise UsageError(
                f"there is no source {name!r}", f"there are {', '.join(names)}" if names else "nothing was imported yet"
            )
        rest = [one for one in names if one != name]
        removals = [space.root / "sources" / f"{name}.json", space.tables / name, space.state / "media" / f"{name}.parquet"]
        moves = {}
        if len(rest) > 1:
            progress("merging sources", 0, None)
            merge({one: space.tables / one for one in rest}, work / "merged", work, space.settings().memory)
            moves[work / "merged"] = space.tables / workspace.MERGED
        else:
            removals.append(space.tables / workspace.MERGED)
        journal.commit(space.root, moves, removals)
