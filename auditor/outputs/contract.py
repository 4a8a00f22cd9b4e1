"""What became of a contract, as text for the terminal and as JSON for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from auditor import breach, suite
from auditor.outputs.escape import shorten, visible
from auditor.outputs.text import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.breach import Contract, Row
    from auditor.suite import Expectation

FORMAT = "label-auditor/contract/1"
_WORDS = {0: "passed", 1: "failed", 4: "incomplete"}
WIDTH = 110


def as_json(done: Sequence[Contract]) -> str:
    """One object: the result, and what became of each expectation by suite."""
    code = breach.exit_code(done)
    body = {
        "format": FORMAT,
        "result": _WORDS[code],
        "exit_code": code,
        "suites": [{"name": one.suite.name, "findings": one.findings.num_rows, "expectations": one.described()} for one in done],
    }
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False)


def as_text(done: Sequence[Contract]) -> str:
    """The result, what is not met or failed, one line each, and why something could not be judged."""
    pairs = [(one, kept.rows[one.check_id]) for kept in done for one in kept.suite.expectations]
    met = sum(row.success is True for _, row in pairs)
    result = _WORDS[breach.exit_code(done)]
    names = ", ".join(visible(one.suite.name) for one in done)
    judged = sum(row.outcome == "found" for _, row in pairs)
    lines = [
        click.style(f"{result.upper():<10}", fg=COLOURS[result], bold=True)
        + f" {names}: {met} of {judged} expectations met"
        + (f", {len(pairs) - judged} not judged" if len(pairs) > judged else "")
    ]
    lines += [_unmet(one, row) for one, row in pairs if row.success is False]
    word = click.style(f"{'failed':<10}", fg="yellow")
    lines += [f"{word} {_title(one)}: {row.reason}" for one, row in pairs if row.outcome == "failed"]
    skipped: dict[str, int] = {}
    for _, row in pairs:
        if row.outcome == "skipped":
            why = row.reason + (f"; {row.supply}" if row.supply else "")
            skipped[why] = skipped.get(why, 0) + 1
    lines += [f"{'skipped':<10} {count}: {visible(why)}" for why, count in skipped.items()]
    return "\n".join(lines)


def _unmet(one: Expectation, row: Row) -> str:
    said = breach.counted(row)
    if not said:
        said = f"found {shorten(json.dumps(row.observed, ensure_ascii=False), 40)}" if row.observed is not None else "not so"
    more = f", {row.findings - 1:,} of them listed" if row.more else ""
    word = click.style(f"{one.severity:<10}", fg=COLOURS[one.severity])
    return f"{word} {_title(one)} {visible(said)}{more}  {visible(one.check_id)}"


def _title(one: Expectation) -> str:
    return shorten(visible(one.title), WIDTH - 40)


def list_text() -> str:
    """Each built-in suite with what it expects."""
    lines: list[str] = []
    for name, path in suite.builtin().items():
        lines += [""] * bool(lines) + [name]
        lines += [f"  {one.severity:<8} {one.title}" for one in suite.read(path).expectations]
    return "\n".join(lines)


def list_json() -> str:
    """The built-in suites as JSON: name -> its expectations."""
    listed = {
        name: [
            {"check_id": one.check_id, "expectation": one.type, "about": one.subject, "title": one.title, "severity": one.severity}
            for one in suite.read(path).expectations
        ]
        for name, path in suite.builtin().items()
    }
    return json.dumps(listed, indent=2, ensure_ascii=False)
