"""Compares the audit's findings with what was planted. Nothing is left out: misses are named, and so are false alarms."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from world import ANNOTATORS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_NAMED = 3  # missed instances of one fault that are named


@dataclass(frozen=True)
class Row:
    """One planted fault, and what its check made of it.

    Attributes:
        what: the fault.
        check: the check that should find it.
        outcome: the check's outcome, or why there is none.
        planted: instances.
        missed: the ids of those that no finding names.
    """

    what: str
    check: str
    outcome: str
    planted: int
    missed: tuple[str, ...]

    @property
    def found(self) -> int:
        """Instances that a finding of the check names."""
        return self.planted - len(self.missed)


@dataclass(frozen=True)
class Further:
    """What a check flagged besides what was planted for it.

    Attributes:
        check: its id.
        severity: error, warning or info.
        mistakes: findings about a wrong answer of one of the planted people (fast, biased, copied, copying, tired): what the check
            is for, though the mistake was planted for another one.
        touched: other findings about items or annotators that some fault has changed.
        sound: findings about data that nothing was done to: false alarms, or faults of the original images.
    """

    check: str
    severity: str
    mistakes: int
    touched: int
    sound: int


def tally(planted: Path, audit: Path) -> tuple[list[Row], list[Further]]:
    """The table of planted faults, and of what else was found.

    Args:
        planted: the list of faults that `files.write` made.
        audit: the folder that `auditor audit` wrote.
    """
    import pyarrow.parquet as pq

    known = json.loads(planted.read_text(encoding="utf-8"))
    verdict = json.loads((audit / "verdict.json").read_text(encoding="utf-8"))
    outcomes = {one["check_id"]: one["outcome"] for one in verdict["checks"]}
    named: dict[str, list[frozenset[str]]] = defaultdict(list)
    people = set(known["touched"]) & set(ANNOTATORS)
    slips = {one for answer in known["wrong"] if answer[2] in people for one in answer[:2]}
    mistaken: dict[str, list[bool]] = defaultdict(list)
    severity = {}
    for finding in pq.read_table(audit / "findings.parquet").to_pylist():
        ids = frozenset(_ids(finding))
        # Nearly every item was seen by an annotator with a fault: that alone makes a finding about the item no better.
        named[finding["check_id"]].append(ids - set(ANNOTATORS) if finding["item_id"] else ids)
        # Of an answer, whether it is wrong itself; of an item, whether one of its answers is.
        mistaken[finding["check_id"]].append((finding["annotation_id"] or finding["item_id"]) in slips)
        severity[finding["check_id"]] = finding["severity"]
    rows = []
    expected: dict[str, set[str]] = defaultdict(set)
    for fault in known["faults"]:
        every = frozenset().union(*named[fault["check"]])
        missed = tuple("/".join(instance[:2]) for instance in fault["instances"] if every.isdisjoint(instance))
        outcome = outcomes.get(fault["check"], "there is no such check")
        rows.append(Row(fault["what"], fault["check"], outcome, len(fault["instances"]), missed))
        expected[fault["check"]].update(one for instance in fault["instances"] for one in instance)
    touched = {*known["touched"], *(one for ids in expected.values() for one in ids)}
    further = []
    for check in sorted(named):
        rest = [(ids, slip) for ids, slip in zip(named[check], mistaken[check], strict=True) if ids.isdisjoint(expected[check])]
        sound = sum(ids.isdisjoint(touched) for ids, _ in rest)
        mistakes = sum(slip and not ids.isdisjoint(touched) for ids, slip in rest)
        if rest:
            further.append(Further(check, severity[check], mistakes, len(rest) - mistakes - sound, sound))
    return rows, further


def _ids(finding: dict[str, Any]) -> Iterator[str]:
    """Every id that a finding names, in its own columns or in its evidence."""
    own = (finding[name] for name in ("item_id", "annotation_id", "annotator_id", "label"))
    evidence = json.loads(finding["evidence"] or "{}").values()
    for value in (*own, *evidence):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield one


def table(rows: list[Row], further: list[Further]) -> str:
    """Both tables as text, at most 110 columns wide."""
    lines = []
    if rows:
        lines += [f"{'planted fault':<46} {'check':<36} {'planted':>7} {'found':>6} {'recall':>7}", "-" * 106]
    for row in rows:
        lines.append(f"{row.what:<46} {row.check:<36} {row.planted:>7} {row.found:>6} {row.found / row.planted:>7.0%}")
        if row.outcome != "found":
            lines.append(f"    missed: the check did not run ({row.outcome})")
        elif row.missed:
            more = f" and {len(row.missed) - MAX_NAMED} more" if len(row.missed) > MAX_NAMED else ""
            lines.append(f"    missed: {', '.join(repr(one) for one in row.missed[:MAX_NAMED])}{more}")
    planted, found = sum(row.planted for row in rows), sum(row.found for row in rows)
    classes = sum(row.found > 0 for row in rows)
    if rows:
        lines += ["-" * 106, f"{f'{classes} of {len(rows)} kinds of fault':<83} {planted:>7} {found:>6} {found / planted:>7.0%}"]
    if further:
        sound = sum(one.sound for one in further)
        mistakes, other = sum(one.mistakes for one in further), sum(one.touched for one in further)
        lines += [
            "",
            f"Besides, {mistakes + other + sound:,} findings that were not planted for the check that made them:",
            f"{mistakes:,} are about wrong answers of the planted people, {other:,} about other data that faults changed,",
            f"{sound:,} about sound data (only these are false alarms).",
            "",
            f"{'also found':<46} {'severity':<12} {'wrong answers of':>18} {'other changed':>14} {'sound':>12}",
            f"{'':<46} {'':<12} {'planted people':>18} {'data':>14} {'data':>12}",
            "-" * 106,
        ]
        lines += [f"{one.check:<46} {one.severity:<12} {one.mistakes:>18,} {one.touched:>14,} {one.sound:>12,}" for one in further]
    return "\n".join(lines)
