"""One order for checks, everywhere: the terminal, the report and what to do next name the same check first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.check import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.gate import Decision

_STATUS = {"incomplete": 0, "failed": 1, "passed": 2, "skipped": 3}


def ordered(decisions: Iterable[Decision]) -> list[Decision]:
    """Decisions as people want them: blocking first, then by severity; over tolerance before within it; most findings first."""
    return sorted(
        decisions,
        key=lambda one: (
            _STATUS[one.status], not one.findings, SEVERITIES.index(one.severity), not _over(one), -one.findings, one.check_id,
        ),
    )  # fmt: skip


def warned(decisions: Iterable[Decision]) -> list[Decision]:
    """Checks over their tolerance that do not block, in order: a verdict that passed says how many there are."""
    return ordered(one for one in decisions if one.status == "passed" and _over(one))


def warned_sentence(decisions: Iterable[Decision]) -> str:
    """What a verdict says of `warned`, and the setting under which they would block; "" where there are none."""
    found = warned(decisions)
    if not found:
        return ""
    lowest = max((one.severity for one in found), key=SEVERITIES.index)
    who = "1 check is over its tolerance but only warns" if len(found) == 1 else f"{len(found)} checks are over their tolerance but only warn"
    return f'{who}: [gate] fail_on = "{lowest}" would block'


def _over(one: Decision) -> bool:
    return one.outcome == "found" and one.counted > one.accepted
