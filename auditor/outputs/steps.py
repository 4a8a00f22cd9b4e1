"""What the workspace's commands print: few lines, the next one to type last."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from auditor.check import SEVERITIES
from auditor.outputs.escape import visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.compare import Difference
    from auditor.gate import Verdict
    from auditor.importing import Imported
    from auditor.pipeline import Checked, Measured
    from auditor.release import Release
    from auditor.status import Line
    from auditor.summary import Summary

_COLOURS = {
    "fresh": "green", "passed": "green", "stale": "yellow", "incomplete": "yellow", "missing": "red", "failed": "red",
    "error": "red", "warning": "yellow", "info": "blue",
}  # fmt: skip


_NOUNS = {
    "item": ("items", "item"), "annotation": ("annotations", "annotation"), "annotator": ("annotators", "annotator"),
    "ontology": ("labels allowed", "label allowed"), "prediction": ("predictions", "prediction"),
    "embedding": ("embeddings", "embedding"), "intake": ("rows with something wrong", "row with something wrong"),
}  # fmt: skip


def _line(word: str, text: str) -> str:
    return f"{click.style(f'{word:<10}', fg=_COLOURS.get(word.lower()))} {visible(text)}".rstrip()


def imported(done: Imported) -> str:
    """What an import brought."""
    rows = ", ".join(
        f"{done.rows[table]:,} {noun[done.rows[table] == 1]}" for table, noun in _NOUNS.items() if done.rows.get(table)
    )
    did = "same rows as before" if done.unchanged else "replaced" if done.replaced else "imported"
    lines = [_line(did if len(did) < 11 else "unchanged", f"{done.name}: {rows}")]
    lines += [_line("note", note) for note in done.notes]
    return "\n".join([*lines, _line("next", "dvc repro, then auditor gate")])


def shared(done: Imported) -> str:
    """Ids and values that an import shares with other sources, a line each."""
    return "\n".join(_line("note", one) for one in done.clashes)


def measured(done: Measured) -> str:
    """What was computed, what was kept, what cannot be computed."""
    lines = [_line("measured", f"{len(done.computed)} computed, {len(done.fresh)} still fresh, {len(done.lacking)} do not apply")]
    faults = [(name, reason) for name, reason in done.lacking.items() if " failed: " in reason]
    return "\n".join([*lines, *(_line("error", f"{name}: {reason}") for name, reason in faults)])


def checked(done: Checked, verdict: Verdict | None = None) -> str:
    """What the checks found, by severity; for an old release what the gate would say of it today."""
    results = done.results.values()
    ran = sum(one.outcome == "found" for one in results)
    failed = [one for one in results if one.outcome == "failed"]
    found = (
        ", ".join(f"{done.summary.findings[one]:,} {one}" for one in SEVERITIES if done.summary.findings.get(one))
        or "nothing found"
    )
    lines = [_line("checked", f"{ran} of {len(done.results)} checks ran: {found}")]
    lines += [_line("error", f"{one.check_id} failed: {one.reason}") for one in failed]
    lines += [_line("note", note) for note in done.notes if note.startswith("sealed")]
    if verdict is not None:
        lines.append(_line(verdict.result.upper(), "; ".join(verdict.reasons[:3])))
        return "\n".join([*lines, _line("next", f"open {done.folder.parent.name}/{done.folder.name}/report.html")])
    return "\n".join([*lines, _line("next", "auditor gate decides; the findings are in findings/")])


def decided(verdict: Verdict, summary: Summary, report: Path) -> str:
    """The gate's answer and its reasons."""
    counts = f"{summary.items:,} items, {summary.annotations:,} annotations"
    lines = [_line(verdict.result.upper(), counts)]
    lines += [_line("", reason) for reason in verdict.reasons[:12]]
    if len(verdict.reasons) > 12:
        lines.append(_line("", f"and {len(verdict.reasons) - 12} more reasons, all in verdict.json"))
    lines += [_line("note", note) for note in verdict.notes]
    return "\n".join([*lines, _line("next", f"open {report.parent.name}/{report.name}" if report.is_file() else "auditor report")])


def status(found: Sequence[Line]) -> str:
    """One line for each thing, and what to do about it."""
    lines = []
    for one in found:
        do = f"  -> {one.do}" if one.do and one.state != "fresh" else ""
        lines.append(f"{one.what:<10} {click.style(f'{one.state:<8}', fg=_COLOURS[one.state])} {visible(one.why)}{do}")
    return "\n".join(lines)


def status_json(found: Sequence[Line]) -> str:
    """The same for machines."""
    return json.dumps([dataclasses.asdict(one) for one in found], indent=2)


def difference(found: Difference) -> str:
    """What changed, labels first, then findings."""
    added, removed, changed = found.annotations
    lines = [_line("items", f"{found.items[0]:,} added, {found.items[1]:,} removed")]
    lines.append(_line("labels", f"{added:,} annotations added, {removed:,} removed, {changed:,} changed"))
    what = ", ".join(f"{name} in {count:,}" for name, count in sorted(found.changes.items(), key=lambda one: (-one[1], one[0])))
    lines += [_line("", f"changed: {what}")] if what else []
    lines += [_line("", f"{before or '(none)'} -> {after or '(none)'}: {count:,}") for before, after, count in found.relabelled]
    lines += [_line("gone", f"{count:,} x {check}") for check, count in found.gone.items()]
    lines += [_line("new", f"{count:,} x {check}") for check, count in found.new.items()]
    if not found.gone and not found.new:
        lines.append(_line("findings", "the same"))
    return "\n".join(lines)


def difference_json(found: Difference) -> str:
    """The same for machines."""
    return json.dumps(dataclasses.asdict(found), indent=2, ensure_ascii=False)


def releases(found: Sequence[Release]) -> str:
    """One line a release, newest first."""
    if not found:
        return "no release yet: auditor release NAME"
    width = max(len(one.name) for one in found)
    lines = []
    for one in found:
        why = f"  even so: {visible(one.reason)}" if one.reason else ""
        result = click.style(f"{one.result:<10}", fg=_COLOURS.get(one.result))
        lines.append(f"{one.name:<{width}}  {result} {one.as_of}  {one.items:>9,} items {one.annotations:>11,} annotations{why}")
    return "\n".join(lines)


def releases_json(found: Sequence[Release]) -> str:
    """The same for machines."""
    return json.dumps([dataclasses.asdict(one) for one in found], indent=2, ensure_ascii=False)
