"""A workspace, or an old release of it, opened for work: tables as checks may see them, checks, the measures that are fresh."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import check as checks_module
from auditor import freshness, measure, steps, suite, workspace
from auditor import settings as settings_module
from auditor.door import Seen, open_stored, treatments
from auditor.engines import duckdb as engine
from auditor.run import Session
from auditor.tables import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from auditor.check import Check
    from auditor.release import Old
    from auditor.settings import Settings
    from auditor.workspace import Workspace


@dataclass(frozen=True)
class Opened:
    """A workspace opened for work.

    Attributes:
        space: where it is.
        settings: its auditor.toml.
        checks: the checks to ask, all but those of other tables verified.
        stored: table -> its file, before the policy hid anything.
        session: its tables as checks may see them, with the measures that are still fresh.
        digests: of the columns of its tables.
        notes: sentences about the import and the policy.
        stale: measure -> what changed since it was computed; measures that are missing have none.
    """

    space: Workspace
    settings: Settings
    checks: tuple[Check, ...]
    stored: Mapping[str, Path]
    session: Session
    digests: freshness.Digests
    notes: tuple[str, ...]
    stale: Mapping[str, list[str]]

    @property
    def pseudonyms(self) -> list[str]:
        """Attributes that are stored as pseudonyms, such as "annotator.age"."""
        stored = treatments(self.space.sources().values())
        return [
            field.replace(".attributes.", ".") for field, how in stored.items() if how == "pseudonym" and ".attributes." in field
        ]


@contextlib.contextmanager
def opened(
    space: Workspace,
    work: Path,
    progress: Callable[[str, int, int | None], None],
    *,
    old: Old | None = None,
    seen: Seen | None = None,
) -> Iterator[Opened]:
    """Open a workspace.

    Args:
        space: which.
        work: a private folder; measures that must be computed anew go into its `measures`.
        progress: called with what, done, total.
        old: an old release to open in place of the workspace's own tables.
        seen: tables that were opened already, in place of the workspace's own: no kept measure is theirs.
    """
    settings = space.settings()
    binder = checks_module.Binder(measure.columns())
    checks = steps.known_checks(binder, space.checks)
    promised = [one.check_id for path in suites(space, settings) for one in suite.read(path).expectations]
    settings_module.verify(settings, checks, promised)
    notes = old.sources if old else space.sources()
    measures: Mapping[str, Path] = {}
    if seen:
        stored = seen.tables
    elif old:
        stored = workspace.of_paths(dict(old.tables), _same_media(space, old, work))
        measures = old.measures
    else:
        stored = workspace.stored_tables(space.tables_folder(), local_media(space, work))
        read = [one["format"] for note in notes.values() for one in note["inputs"]]
        stored = dataclasses.replace(stored, formats=tuple(dict.fromkeys(read)))
        measures = {path.name: path for path in space.measures.glob("*")}
    seen = seen or open_stored(space.policy(), stored, notes.values(), work)
    session = Session(seen.tables, work / "measures", work, binder, memory=settings.memory, progress=progress, hidden=seen.hidden)
    digests = freshness.Digests(space.state / "digests.json")
    stale = _adopt(session, stored.paths, measures, digests)
    try:
        yield Opened(space, settings, tuple(checks), stored.paths, session, digests, seen.notes, stale)
    finally:
        digests.save()


def suites(space: Workspace, settings: settings_module.Settings) -> list[Path]:
    """The files of the contracts that the settings name; paths count from the workspace."""
    return [
        path
        for name in settings.contracts
        for path in suite.find(str(space.root / name) if (space.root / name).is_file() else name)
    ]


def local_media(space: Workspace, work: Path) -> Path | None:
    """Where the media of all sources are on this machine, or None."""
    parts = [path for name in space.sources() if (path := space.state / "media" / f"{name}.parquet").is_file()]
    if len(parts) < 2:
        return parts[0] if parts else None
    con = engine.connect(work)
    try:
        listed = ", ".join(literal(str(path)) for path in parts)
        target = work / "media.parquet"
        con.execute(
            f"COPY (SELECT item_id, min(path) AS path FROM read_parquet([{listed}]) GROUP BY item_id ORDER BY item_id) "
            f"TO {literal(str(target))} (FORMAT parquet)"
        )
    finally:
        con.close()
    return target


def _same_media(space: Workspace, old: Old, work: Path) -> Path | None:
    """This machine's media of an old release's items, those whose size is still the one of that time."""
    now = local_media(space, work)
    if now is None:
        return None
    con = engine.connect(work)
    try:
        engine.add_views(con, {"media": now, "item": old.tables["item"]})
        rows = con.execute("SELECT item_id, path, bytes FROM media JOIN item USING (item_id) ORDER BY item_id").fetchall()
        same = [(item, path) for item, path, size in rows if Path(path).is_file() and Path(path).stat().st_size == size]
        con.execute("CREATE TABLE same (item_id VARCHAR, path VARCHAR)")
        if same:
            con.executemany("INSERT INTO same VALUES (?, ?)", same)
        target = work / "old_media.parquet"
        con.execute(f"COPY (SELECT * FROM same ORDER BY item_id) TO {literal(str(target))} (FORMAT parquet)")
    finally:
        con.close()
    return target if same else None


def _adopt(
    session: Session, stored: Mapping[str, Path], kept: Mapping[str, Path], digests: freshness.Digests
) -> dict[str, list[str]]:
    keys = freshness.read_keys(kept["keys.json"]) if "keys.json" in kept else {}
    stale = {}
    for name in measure.names():
        path = kept.get(f"{name}.parquet")
        if name not in keys or path is None:
            continue
        differ = freshness.changed(keys[name], freshness.measure_inputs(session, stored, name, digests))
        if differ:
            stale[name] = differ
        else:
            session.adopt(name, path)
    return stale


def wanted_measures(at: Opened) -> list[str]:
    """The measures that a chosen check or the report reads, and those that these read."""
    found: dict[str, None] = {}

    def want(name: str) -> None:
        if name in found or name in at.session.tables.paths:
            return
        for read in at.session.reads(measure.load(name)):
            want(read)
        found[name] = None

    for one in at.checks:
        if at.settings.override(one.id).enabled:
            for name in one.reads:
                want(name)
    for name in (*steps.SHOWN_MEASURES, *steps.KEPT_MEASURES):
        want(name)
    return list(found)


def made_from(at: Opened) -> dict[str, str]:
    """What findings of this state are made from; see `freshness.state`."""
    return freshness.state(
        at.stored, {one.id: one.path for one in at.checks}, at.settings, at.session.hidden, at.digests, at.space.root
    )
