"""The summary on the terminal: what matters in twenty lines."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.check import SEVERITIES
from auditor.outputs.escape import shorten, visible

if TYPE_CHECKING:
    from auditor.api import Audit
    from auditor.gate import Decision

COLOURS = {
    "passed": "green",
    "failed": "red",
    "incomplete": "yellow",
    "error": "red",
    "warning": "yellow",
    "info": "blue",
}
MAX_CHECKS = 8


def summary(audit: Audit, width: int = 110) -> str:
    """At most twenty lines: the verdict, what ran, what was found, what to do next."""
    lines = [_headline(audit), *_coverage(audit), *_incomplete(audit)]
    lines += _found(audit, width)
    lines += _confused(audit)
    lines += [f"{'note':<10} {shorten(visible(note), width - 11)}" for note in audit.notes[:4]]
    lines.append(_next(audit))
    return "\n".join(lines)


def _headline(audit: Audit) -> str:
    figures = audit.summary
    parts = [_count(figures.items, "item"), _count(figures.annotations, "annotation")]
    if figures.annotators:
        parts.append(_count(figures.annotators, "annotator"))
    if figures.labelled_twice:
        parts.append(f"{figures.labelled_twice:.0%} labelled twice")
    if figures.agreement:
        first = figures.agreement[0]
        interval = f" [{first.low:.2f}, {first.high:.2f}]" if first.low is not None and first.high is not None else ""
        parts.append(f"alpha {first.alpha:.2f}{interval}")
    result = click.style(f"{audit.verdict.result.upper():<10}", fg=COLOURS[audit.verdict.result], bold=True)
    return f"{result} {' · '.join(parts)}"


def _coverage(audit: Audit) -> list[str]:
    decisions = audit.verdict.decisions
    ran = sum(decision.outcome == "found" for decision in decisions)
    needs = Counter(decision.supply for decision in decisions if decision.outcome == "skipped" and decision.supply)
    other = sum(decision.outcome == "skipped" and not decision.supply for decision in decisions)
    parts = [f"{'ran':<10} {ran} of {len(decisions)} checks"]
    if other:
        parts.append(f"{other} do not apply")
    lines = ["; ".join(parts)]
    lines += [f"{'':<10} {number} more: {visible(supply)}" for supply, number in needs.most_common(3)]
    return lines


def _incomplete(audit: Audit) -> list[str]:
    if audit.verdict.result != "incomplete":
        return []
    # The reasons of the checks that block come last, and stand among what was found.
    last = len(audit.verdict.reasons) - sum(decision.status == "failed" for decision in audit.verdict.decisions)
    return [click.style(f"{'incomplete':<10}", fg="yellow") + f" {visible(reason)}" for reason in audit.verdict.reasons[:last][:4]]


def _found(audit: Audit, width: int) -> list[str]:
    found = [decision for decision in audit.verdict.decisions if decision.findings]
    found.sort(key=lambda decision: (SEVERITIES.index(decision.severity), decision.status != "failed", -decision.findings))
    lines = [_line(decision, width) for decision in found[:MAX_CHECKS]]
    if len(found) > MAX_CHECKS:
        rest = found[MAX_CHECKS:]
        lines.append(f"{'':<10} and {sum(decision.findings for decision in rest):,} findings of {len(rest)} more checks")
    return lines or [f"{'':<10} nothing found"]


def _confused(audit: Audit) -> list[str]:
    if not audit.summary.confusion:
        return []
    top = audit.summary.confusion[0]
    pair = f"{shorten(visible(top.label_a), 24)} and {shorten(visible(top.label_b), 24)}"
    return [f"{'confused':<10} {pair}: {_count(top.pairs, 'pair')} of answers, {top.share:.0%} of all that differ"]


def _line(decision: Decision, width: int) -> str:
    label = click.style(f"{decision.severity:<10}", fg=COLOURS[decision.severity])
    where = visible(decision.check_id)
    excused = decision.waived + decision.known
    extra = f" ({excused:,} accepted)" if excused else ""
    said = visible(decision.title)
    title = shorten(f"{decision.findings:>7,} x {said[0].lower()}{said[1:]}{extra}", width - 11 - 38)
    return f"{label} {title:<{width - 11 - 38}} {where}"


def _next(audit: Audit) -> str:
    report = visible(os.path.relpath(audit.report, Path.cwd()))
    worst = next((decision.check_id for decision in audit.verdict.decisions if decision.status in {"failed", "incomplete"}), None)
    worst = worst or next((decision.check_id for decision in audit.verdict.decisions if decision.findings), None)
    return f"{'next':<10} open {report}" + (f" · auditor explain {worst}" if worst else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
