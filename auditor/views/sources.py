"""Where a dataset comes from: sources that are audited for it, or a workspace as it stands."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import AuditorError
from auditor.views.samples import Material

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.api import Request
    from auditor.check import Check
    from auditor.protection.policy import Opened
    from auditor.views import Built, Views
    from auditor.workspace import Workspace


def of_request(
    shown: Views, name: str, request: Request, progress: Callable[[str, int, int | None], None]
) -> tuple[Built, tuple[str, ...]]:
    """Audit sources in a temporary folder and load what the policy lets be shown.

    Returns:
        What was made, and the audit's notes.
    """
    from auditor import api

    made: list[Built] = []

    def load(opened: Opened, findings: Path, checks: Mapping[str, Check]) -> None:
        media = _media(opened.tables.media, opened.hidden)
        made.append(shown.build(name, Material(opened.tables.paths, media, findings, _titles(checks))))

    with tempfile.TemporaryDirectory(prefix="auditor-") as work:
        done = api.run(dataclasses.replace(request, out=Path(work) / "audit"), progress, load)
    return made[0], done.notes


def of_workspace(
    shown: Views, name: str, space: Workspace, progress: Callable[[str, int, int | None], None], revision: str = ""
) -> tuple[Built, tuple[str, ...]]:
    """Load a workspace's tables, as its policy opens them, and its findings as they are.

    Args:
        shown: the open views.
        name: the dataset's.
        space: the workspace.
        progress: called with what, done, total.
        revision: an old release, whose tables lie in DVC's cache and whose findings `check --at` has written.

    Raises:
        AuditorError: the checks have not been asked yet.
    """
    from auditor import opening, release

    folder = space.root / "at" / revision.replace("/", "_") if revision else space.findings
    findings = folder / "findings.parquet"
    if not findings.is_file():
        at_revision = f" --at {revision}" if revision else ""
        raise AuditorError(f"{revision or 'this workspace'} has no findings yet", f"run auditor check{at_revision}")
    old = release.read_old(space, revision) if revision else None
    with tempfile.TemporaryDirectory(prefix="auditor-") as work, opening.opened(space, Path(work), progress, old=old) as at:
        media = _media(at.session.tables.media, at.session.hidden)
        titles = {one.id: one.header.title for one in at.checks}
        return shown.build(name, Material(at.session.tables.paths, media, findings, titles)), at.notes


def _media(media: Path | None, hidden: Mapping[str, str]) -> Path | None:
    # A picture shows what its uri names: who may not know the one does not see the other.
    return None if "item.uri" in hidden else media


def _titles(checks: Mapping[str, Check]) -> dict[str, str]:
    return {check: one.header.title for check, one in checks.items()}
