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
    """What a verdict says of `warned`; "" where there are none."""
    decisions = list(decisions)
    number = len(warned(decisions))
    if not number:
        return ""
    one = "1 check is over its tolerance but only warns"
    said = one if number == 1 else f"{number} checks are over their tolerance but only warn"
    unproven = sum(found.unproven for found in warned(decisions))
    parts = [f"{would_block(decisions)} would block"] if unproven < number else []
    parts += [f"{unproven} {'is' if unproven == 1 else 'are'} not known to be precise enough to block"] if unproven else []
    return f"{said}: {', '.join(parts)}"


def would_block(decisions: Iterable[Decision]) -> str:
    """The setting under which checks that only warn for their severity would block; "" where there are none."""
    found = [one.severity for one in warned(decisions) if not one.unproven]
    return f'[gate] fail_on = "{max(found, key=SEVERITIES.index)}"' if found else ""


def _over(one: Decision) -> bool:
    return one.outcome == "found" and one.counted > one.accepted
