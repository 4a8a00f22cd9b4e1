"""`auditor status`: what is stale, and why. Compares digests; starts neither the engine nor DVC."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditor import content, freshness, review
from auditor.door import hidden_fields, treatments
from auditor.errors import AuditorError
from auditor.files import sha256_file
from auditor.provenance import digest
from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditor.workspace import Workspace

State = Literal["fresh", "stale", "missing"]


@dataclass(frozen=True)
class Line:
    """The state of one thing in the workspace.

    Attributes:
        what: sources | tables | measures | findings | verdict | report.
        state: fresh | stale | missing.
        why: what changed, or what there is.
        do: the command that mends it, or "".
    """

    what: str
    state: State
    why: str
    do: str = ""


def check_files(space: Workspace) -> dict[str, Path]:
    """Check -> its SQL file, the workspace's own in place of built-in ones of the same path."""
    found: dict[str, Path] = {}
    for folder in (content.folder("checks"), space.checks):
        if folder is not None:
            found |= {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.sql"))}
    return found


def lines(space: Workspace, today: dt.date) -> list[Line]:
    """The state of everything, left to right."""
    notes = space.sources()
    if not notes:
        return [Line("sources", "missing", "nothing was imported yet", "auditor import FILE")]
    made = [_sources(space, notes)]
    try:
        folder = space.tables_folder()
    except AuditorError as error:
        return [*made, Line("tables", "missing", error.message, error.hint)]
    stored = {name: folder / f"{name}.parquet" for name in TABLES}
    digests = freshness.Digests(space.state / "digests.json")
    present = {name: digests.present(path) for name, path in stored.items()}
    hidden = hidden_fields(space.policy(), present, treatments(notes.values()))
    made.append(_measures(space, stored, hidden, digests))
    now = freshness.state(stored, check_files(space), space.settings(), hidden, digests, space.root)
    findings = _findings(space, now)
    made += [findings, _verdict(space, findings, today), _report(space, findings)]
    digests.save()
    return made


def _sources(space: Workspace, notes: Mapping[str, dict[str, object]]) -> Line:
    changed = []
    for name, note in notes.items():
        for one in note.get("inputs", []):  # type: ignore[attr-defined]  # JSON of our own
            path = space.root / one["path"] if "path" in one else None
            if path is not None and path.exists() and digest(path) != one["sha256"]:
                changed.append(f"{name} ({one['path']})")
    if changed:
        return Line("sources", "stale", f"changed since the import: {', '.join(changed)}", "auditor import")
    return Line("sources", "fresh", f"{len(notes)} imported: {', '.join(notes)}")


def _measures(space: Workspace, stored: Mapping[str, Path], hidden: Mapping[str, str], digests: freshness.Digests) -> Line:
    keys = freshness.read_keys(space.measures / "keys.json")
    if not keys:
        return Line("measures", "missing", "none were computed yet", "auditor measure")
    stale: dict[str, list[str]] = {}
    for name, then in keys.items():
        differ = freshness.changed(then, freshness.inputs_now(stored, then, hidden, digests))
        if differ:
            stale[name] = differ
    if not stale:
        return Line("measures", "fresh", f"{len(keys)} computed")
    causes = sorted({cause for differ in stale.values() for cause in differ})
    return Line("measures", "stale", f"{len(stale)} of {len(keys)}: changed {_some(causes)}", "auditor measure")


def _findings(space: Workspace, now: Mapping[str, str]) -> Line:
    try:
        body = json.loads((space.findings / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Line("findings", "missing", "no check was asked yet", "auditor check")
    differ = freshness.changed(body.get("made_from", {}), now)
    if differ:
        return Line("findings", "stale", f"changed {_some(differ)}", "auditor check")
    found = sum(one["findings"] for one in body["checks"])
    return Line("findings", "fresh", f"{found:,} of {sum(one['outcome'] == 'found' for one in body['checks'])} checks")


def _verdict(space: Workspace, findings: Line, today: dt.date) -> Line:
    try:
        body = json.loads(space.verdict.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Line("verdict", "missing", "the gate was not asked yet", "auditor gate")
    if findings.state != "fresh":
        return Line("verdict", "stale", f"the findings are {findings.state}", "auditor gate")
    if differ := _other(space, body):
        return Line("verdict", "stale", differ, "auditor gate")
    settings = space.settings()
    if body["settings"] != settings.model_dump(mode="json", exclude_defaults=True):
        return Line("verdict", "stale", "auditor.toml changed", "auditor gate")
    then = dt.date.fromisoformat(body["as_of"])
    ended = [one for one in settings.waiver if then <= one.until < today]
    if ended:
        return Line(
            "verdict", "stale", f"the waiver of {ended[0].check or ended[0].finding} ended on {ended[0].until}", "auditor gate"
        )
    return Line("verdict", "fresh", f"{body['result']} as of {body['as_of']}")


def _other(space: Workspace, of: Mapping[str, object]) -> str:
    """What was made of other findings, or before people judged more of them; "" where neither is so."""
    if of.get("findings_sha256") != sha256_file(space.findings / "findings.parquet"):
        return "it is of other findings"
    return "people judged more findings" if of.get("reviews_sha256", "") != review.digest(review.read(space.reviews)) else ""


def _report(space: Workspace, findings: Line) -> Line:
    path = space.report / "report.html"
    if not path.is_file():
        return Line("report", "missing", "none was written yet", "auditor report")
    if findings.state != "fresh":
        return Line("report", "stale", f"the findings are {findings.state}", "auditor report")
    of = json.loads((space.report / "of.json").read_text(encoding="utf-8")) if (space.report / "of.json").is_file() else {}
    if differ := _other(space, of):
        return Line("report", "stale", differ, "auditor report")
    return Line("report", "fresh", "report/report.html")


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
