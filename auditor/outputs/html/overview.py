"""The first screen: why the verdict is what it is, what was not checked, what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.gate import Decision
    from auditor.outputs.html import Page


@dataclass(frozen=True)
class Gap:
    """Checks that did not run for one reason: what would supply it, and which they are (id, title)."""

    supply: str
    reason: str
    checks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Step:
    """One thing to do: a sentence, the check that it is about (or ""), and a command (or "")."""

    text: str
    check_id: str = ""
    command: str = ""


def gaps(decisions: Sequence[Decision]) -> tuple[list[Gap], list[Gap]]:
    """What was not checked: (by what would supply it, most checks first; by why the others do not apply)."""
    supplied: dict[str, list[Decision]] = {}
    other: dict[str, list[Decision]] = {}
    for one in decisions:
        if one.outcome == "skipped":
            (supplied if one.supply else other).setdefault(one.supply or one.reason, []).append(one)
    return _gaps(supplied), _gaps(other)


def _gaps(groups: dict[str, list[Decision]]) -> list[Gap]:
    found = [Gap(ones[0].supply, ones[0].reason, tuple((one.check_id, one.title) for one in ones)) for ones in groups.values()]
    return sorted(found, key=lambda gap: (-len(gap.checks), gap.supply, gap.reason))


def steps(page: Page, decisions: Sequence[Decision], supplied: Sequence[Gap]) -> list[Step]:
    """At most five things to do, the most urgent first."""
    found: list[Step] = []
    for one in [one for one in decisions if one.status == "incomplete"][:2]:
        text = (
            "This check failed with an error: see why."
            if one.outcome == "failed"
            else f"A required check did not run: {one.reason}."
        )
        found.append(Step(text, one.check_id, f"auditor explain {one.check_id}"))
    urgent = [one for one in decisions if one.status == "failed"] or [one for one in decisions if one.findings]
    found += [Step(page.checks[one.check_id].header.fix, one.check_id) for one in urgent[:3]]
    found += [
        Step(f"{_sentence(gap.supply)}: {len(gap.checks)} more {'check' if len(gap.checks) == 1 else 'checks'} can run.")
        for gap in supplied[: 1 if urgent else 2]
    ]
    if not urgent and page.verdict.result == "passed":
        found.append(Step("Keep findings.parquet as the baseline of the next release: only new findings will count."))
    return found[:5]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
