"""Runs with an identity: sealed fields are opened for one purpose, and all that comes of it stays under `private/`.

Nothing of such a run enters `measures/`, `findings/`, DVC or git: DVC's run cache would hand one person's clear data to the next.
Each run's folder says who made it, when and for which purpose, and only its maker's account can read it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor import importing, journal, opening, pipeline, workspace
from auditor.door import open_stored
from auditor.errors import AccessError
from auditor.files import write_text
from auditor.protection import access, unseal, vault

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from auditor.gate import Verdict
    from auditor.pipeline import Checked
    from auditor.protection.identity import Identity
    from auditor.stage import Tables
    from auditor.workspace import Workspace


def run_private(
    space: Workspace, who: Identity, purpose: str, as_of: dt.date, progress: Callable[[str, int, int | None], None]
) -> tuple[Checked, Verdict]:
    """Ask the checks of tables in which every field that the identity may open for the purpose is in clear.

    Args:
        space: the workspace.
        who: opens the fields; each opening is in the ledger before its key is used.
        purpose: one of the policies' purposes.
        as_of: the date of the verdict.
        progress: called with what, done, total.

    Raises:
        AccessError: the identity may open nothing that is sealed here for this purpose.
    """
    with space.writing(f"check --purpose {purpose}") as work:
        tables, opened = _unsealed(space, who, purpose, work)
        seen = open_stored(space.policy(), tables, space.sources().values(), work, frozenset(opened))
        made = work / "made"
        made.mkdir(mode=0o700)
        with opening.opened(space, work, progress, seen=seen) as at:
            done, verdict = pipeline.ask_and_decide(at, made, as_of, progress)
        label = {"actor": who.name, "purpose": purpose, "at": vault.now().isoformat(timespec="seconds"), "opened": sorted(opened)}
        write_text(made / "made_by.json", json.dumps(label, indent=1) + "\n")
        target = space.root / "private" / f"{who.name}-{purpose}"
        target.parent.mkdir(mode=0o700, exist_ok=True)
        target.parent.chmod(0o700)
        # As an import does: whoever is killed once the journal is written leaves no opened tables beside what goes to private/.
        for path in work.iterdir():
            if path != made:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        journal.commit(space.root, {made: target})
        return replace(done, folder=target), verdict


def _unsealed(space: Workspace, who: Identity, purpose: str, work: Path) -> tuple[Tables, list[str]]:
    opener = unseal.Opener(who, access.load(space.root / "policies", space.policy()), space.root / "grants", space.root / "ledger")
    media = opening.local_media(space, work)
    folders: dict[str, Path] = {}
    opened: set[str] = set()
    sealed = False
    for name in space.sources():
        stored = workspace.stored_tables(space.tables / name)
        done = unseal.unprotect(opener, stored, name, purpose, work / "clear" / name, vault.now())
        opened |= set(done.opened)
        sealed |= bool(done.hidden)
        folder = work / "whole" / name
        folder.mkdir(parents=True)
        for table, path in done.tables.paths.items():
            (folder / f"{table}.parquet").symlink_to(path.resolve())
        folders[name] = folder
    if sealed and not opened:
        raise AccessError(
            f"{who.name} may open nothing that is sealed here for the purpose {purpose}", "auditor access shows who may open what"
        )
    if len(folders) == 1:
        return workspace.stored_tables(next(iter(folders.values())), media), sorted(opened)
    importing.merge(folders, work / "merged", work, space.settings().memory)
    return workspace.stored_tables(work / "merged", media), sorted(opened)
