"""The summary on the terminal: what matters in twenty lines, as wide as the terminal is."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.outputs.escape import shorten, visible
from auditor.outputs.number import percent, plural
from auditor.outputs.order import ordered, warned_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

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
MAX_LINES, MAX_CHECKS = 20, 8
# Columns where nobody says how wide the terminal is, and the fewest that are written for.
WIDTH, NARROW = 110, 60
_INDENT = 11
_STUCK = "\N{NO-BREAK SPACE}"
_TOML = re.compile(r"\S+ = \{[^{}]*\}")
# Notes that are printed however many lines they take: what was guessed, what is used and not shown, waivers that ended.
_ALWAYS = ("guessed", "used, shown", "gold was not compared", "to name the groups", "the waiver of")


def summary(audit: Audit, width: int | None = None) -> str:
    """The verdict, what ran, what was found, what to do next: at most twenty lines, unless guesses need more.

    Args:
        audit: a finished audit.
        width: columns; None takes the terminal's (or COLUMNS).
    """
    width = max(width or shutil.get_terminal_size((WIDTH, 24)).columns, NARROW)
    found = ordered(one for one in audit.verdict.decisions if one.findings or one.status == "incomplete")
    lines = [*_headline(audit, width), *_coverage(audit.verdict.decisions, width), *_incomplete(audit, width)]
    lines += _warned(audit, width)
    lines += _found([one for one in found if one.findings], width)
    lines += _confused(audit, width)
    last = _next(audit, found)
    return "\n".join([*lines, *_notes(audit.notes, width, MAX_LINES - len(lines) - len(last)), *last])


def _headline(audit: Audit, width: int) -> list[str]:
    figures = audit.summary
    parts = [plural(figures.items, "item"), plural(figures.annotations, "annotation")]
    if figures.gold:
        parts.append(f"{figures.gold:,} gold")
    if figures.annotators:
        parts.append(plural(figures.annotators, "annotator"))
    if figures.labelled_twice:
        parts.append(f"{percent(figures.labelled_twice)} labelled twice")
    if figures.agreement:
        first = figures.agreement[0]
        known = first.low is not None and first.high is not None
        interval = f" [{first.low:.2f}, {first.high:.2f}]" if known else ", all answers alike"
        parts.append(f"alpha ({first.coefficient}) {first.alpha:.2f}{interval}")
    # Figures are not torn: a line breaks between them only.
    whole = " · ".join(part.replace(" ", _STUCK) for part in parts)
    return _said(audit.verdict.result.upper(), whole, width, colour=COLOURS[audit.verdict.result], bold=True)


def _coverage(decisions: Sequence[Decision], width: int) -> list[str]:
    """What ran and what did not; the numbers add up to all checks."""
    ran = sum(one.outcome == "found" for one in decisions)
    broken = sum(one.outcome == "failed" for one in decisions)
    needs = Counter(one.supply for one in decisions if one.outcome == "skipped" and one.supply)
    apart = len(decisions) - ran - broken - needs.total()
    parts = [f"{ran} of {len(decisions)} checks"]
    parts += [f"{broken} failed with an error"] if broken else []
    parts += [f"{apart} {'does' if apart == 1 else 'do'} not apply"] if apart else []
    parts += [f"{needs.total()} {'lacks' if needs.total() == 1 else 'lack'} input:"] if needs else []
    lines = _said("ran", "; ".join(parts), width)
    ranked = needs.most_common()
    shown = 3 if len(ranked) > 4 else 4
    for supply, number in ranked[:shown]:
        lines += _said("", f"{number:>3}  {supply}", width, hang=5)
    if ranked[shown:]:
        rest = ranked[shown:]
        lines.append(f"{'':<{_INDENT}}{sum(number for _, number in rest):>3}  more, for {plural(len(rest), 'other reason')}")
    return lines


def _incomplete(audit: Audit, width: int) -> list[str]:
    if audit.verdict.result != "incomplete":
        return []
    # The reasons of the checks that block come last, and stand among what was found.
    last = len(audit.verdict.reasons) - sum(one.status == "failed" for one in audit.verdict.decisions)
    return [line for reason in audit.verdict.reasons[:last][:4] for line in _said("incomplete", reason, width, colour="yellow")]


def _warned(audit: Audit, width: int) -> list[str]:
    sentence = warned_sentence(audit.verdict.decisions)
    return _said("warned", sentence, width, colour="yellow") if sentence else []


def _found(found: Sequence[Decision], width: int) -> list[str]:
    shown = found[:MAX_CHECKS]
    if not shown:
        return [f"{'':<{_INDENT}}nothing found"]
    digits = max(len(f"{one.findings:,}") for one in shown)
    names = max(len(visible(one.check_id)) for one in shown)
    room = width - _INDENT - digits - len(" x ") - len("  ") - names
    said = {one.check_id: _titled(one) for one in shown}
    # Where a title would say nothing any more, the check's name says more.
    fitting = min(max(map(len, said.values())), room) if room >= 20 else 0
    lines = []
    for one in shown:
        label = click.style(f"{one.severity:<{_INDENT}}", fg=COLOURS[one.severity])
        title = f"{shorten(said[one.check_id], fitting):<{fitting}}  " if fitting else ""
        lines.append(f"{label}{one.findings:>{digits},} x {title}{visible(one.check_id)}")
    if rest := found[MAX_CHECKS:]:
        findings = sum(one.findings for one in rest)
        lines.append(f"{'':<{_INDENT}}and {plural(findings, 'finding')} of {plural(len(rest), 'more check')}")
    return lines


def _titled(one: Decision) -> str:
    title = visible(one.title)
    excused = one.waived + one.known
    return f"{title[0].lower()}{title[1:]}" + (f" ({excused:,} waived or known)" if excused else "")


def _confused(audit: Audit, width: int) -> list[str]:
    """The commonest confusion; where only two labels are confused at all, which one is given for the other."""
    figures = audit.summary
    if figures.confusion and figures.confusion[0].ways > 1:
        top = figures.confusion[0]
        a, b = (shorten(visible(label), 24) for label in (top.label_a, top.label_b))
        return _said(
            "confused", f"{a} and {b}: {plural(top.pairs, 'pair')} of answers, {percent(top.share)} of all that differ", width
        )
    if figures.slips:
        slip = figures.slips[0]
        given, gold = (shorten(visible(label), 24) for label in (slip.given, slip.gold))
        return _said(
            "confused",
            f"{given} where gold says {gold}: {plural(slip.votes, 'answer')}, {percent(slip.share)} of all that differ",
            width,
        )
    return []


def _notes(notes: Sequence[str], width: int, room: int) -> list[str]:
    """Notes in their order: those about guesses in any case, others while there is room."""
    wrapped = [_said("note", note, width) for note in notes]
    needed = [note.startswith(_ALWAYS) for note in notes]
    room -= sum(len(lines) for lines, always in zip(wrapped, needed, strict=True) if always)
    told: list[str] = []
    left = 0
    for lines, always in zip(wrapped, needed, strict=True):
        if always or len(lines) <= room:
            told += lines
            room -= 0 if always else len(lines)
        else:
            left += 1
    return told + ([f"{'':<{_INDENT}}and {plural(left, 'more note')} in the report"] if left else [])


def _next(audit: Audit, found: Sequence[Decision]) -> list[str]:
    report = visible(os.path.relpath(audit.report, Path.cwd()))
    worst = f" · auditor explain {visible(found[0].check_id)}" if found else ""
    return [f"{'next':<{_INDENT}}open {report}{worst}"]


def _said(word: str, text: str, width: int, *, colour: str = "", bold: bool = False, hang: int = 0) -> list[str]:
    """A word in the first column and a text beside it, wrapped; nothing is cut."""
    # A line of TOML stays whole, so that it can be copied.
    inner = _TOML.sub(lambda found: found[0].replace(" ", _STUCK), visible(text))
    lines = textwrap.wrap(inner, width - _INDENT, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False)
    lines = [line.replace(_STUCK, " ") for line in lines] or [""]
    first = f"{word:<{_INDENT}}"
    return [
        f"{click.style(first, fg=colour, bold=bold or None) if colour else first}{lines[0]}",
        *(f"{'':<{_INDENT}}{line}" for line in lines[1:]),
    ]
