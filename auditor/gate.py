"""The gate: findings, tolerances, waivers, a baseline and a date give a verdict. A pure function; nothing is read or written.

- A check *blocks* when it has more findings than its tolerance accepts, and its severity is at or above `fail_on`.
- Findings that a waiver accepts (until its date) or that the baseline had already do not count.
- A check that failed, or one that is required and did not run, makes the verdict *incomplete*: counts that are
  not whole prove nothing. So does a run in which no check could run at all, and one without any annotation: nothing was audited.
- Where `min_precision` is set, only checks block that are known to be right more often than that: the lower end of the interval of
  their precision, from what people said of their findings, is above it. One of whose findings none was judged is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditor.check import SEVERITIES, parse_tolerance

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.precision import Precision
    from auditor.run import Result
    from auditor.settings import Settings

Verdicts = Literal["passed", "failed", "incomplete"]
EXIT_CODES: dict[Verdicts, int] = {"passed": 0, "failed": 1, "incomplete": 4}


@dataclass(frozen=True)
class Asked:
    """A check as it was asked: its severity and tolerance with the workspace's changes."""

    check_id: str
    title: str
    severity: str
    tolerance: int | str
    unit: str


@dataclass(frozen=True)
class Decision:
    """What the gate thinks of one check.

    Attributes:
        status: passed | failed | skipped | incomplete.
        findings: rows that the check returned.
        counted: of these, neither waived nor in the baseline.
        accepted: how many the tolerance accepts.
        units: how many things of the check's unit there are.
        precision: how often its findings are faults, where somebody judged any.
        unproven: it would block if it were known to be as precise as the gate demands.
    """

    check_id: str
    title: str
    severity: str
    outcome: str
    status: Literal["passed", "failed", "skipped", "incomplete"]
    findings: int
    waived: int
    known: int
    counted: int
    tolerance: int | str
    accepted: int
    unit: str
    units: int
    reason: str
    supply: str
    precision: Precision | None = None
    unproven: bool = False


@dataclass(frozen=True)
class Verdict:
    """The gate's answer: `result`, why, and what it thinks of each check."""

    result: Verdicts
    reasons: tuple[str, ...]
    decisions: tuple[Decision, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 4 incomplete."""
        return EXIT_CODES[self.result]


def decide(
    asked: Sequence[Asked],
    results: Mapping[str, Result],
    finding_ids: Mapping[str, Iterable[str]],
    units: Mapping[str, int],
    settings: Settings,
    as_of: dt.date,
    baseline: frozenset[str] = frozenset(),
    precision: Mapping[str, Precision] | None = None,
) -> Verdict:
    """Decide.

    Args:
        asked: the checks, in the order of the verdict.
        results: check id -> what became of it.
        finding_ids: check id -> the ids of its findings; only those of checks with findings are needed.
        units: unit -> how many there are, for tolerances that are shares.
        settings: tolerances, waivers, what is required.
        as_of: the date on which waivers must still hold.
        baseline: finding ids that do not count because they were there before.
        precision: check -> how often it is right, for checks of which that is known.
    """
    by_check, by_finding = waived_by(settings, as_of)
    notes = [
        f"the waiver of {waiver.finding or waiver.check} by {waiver.owner} ended on {waiver.until}"
        for waiver in settings.waiver
        if waiver.until < as_of
    ]
    decisions = []
    for one in asked:
        result = results[one.check_id]
        ids = list(finding_ids.get(one.check_id, ()))
        waived = len(ids) if one.check_id in by_check else sum(identity in by_finding for identity in ids)
        known = 0 if one.check_id in by_check else sum(identity in baseline and identity not in by_finding for identity in ids)
        decisions.append(_one(one, result, waived, known, units, settings, (precision or {}).get(one.check_id)))
    incomplete = [decision for decision in decisions if decision.status == "incomplete"]
    failed = [decision for decision in decisions if decision.status == "failed"]
    nothing_ran = not any(decision.outcome == "found" for decision in decisions)
    nothing_read = units.get("annotation") == 0
    verdict: Verdicts = "incomplete" if incomplete or nothing_ran or nothing_read else "failed" if failed else "passed"
    reasons = [f"{decision.check_id} {decision.reason}" for decision in incomplete]
    reasons += ["no check could run"] if nothing_ran else []
    reasons += ["no annotations were read"] if nothing_read else []
    reasons += [f"{decision.check_id}: {decision.reason}" for decision in failed]
    # One that was not even asked (`--only` left it out) has no decision.
    if left_out := [name for name in settings.gate.require if name not in results]:
        verdict = "incomplete"
        reasons = [*(f"{name} is required and was not asked" for name in left_out), *reasons]
    return Verdict(verdict, tuple(reasons), tuple(decisions), tuple(notes))


def waived_by(settings: Settings, as_of: dt.date) -> tuple[frozenset[str], frozenset[str]]:
    """The checks of which no finding counts, and the findings that do not, by waivers that hold on a date."""
    valid = [waiver for waiver in settings.waiver if waiver.until >= as_of]
    return frozenset(one.check for one in valid if one.check), frozenset(one.finding for one in valid if one.finding)


def doubt(precision: Precision | None, least: float) -> str:
    """Why a check is not known to be right more often than `least`; "" if it is, or if nothing is demanded.

    >>> doubt(None, 0.5)
    'none of its findings was judged, and only checks with a precision above 0.5 block'
    """
    if not least:
        return ""
    if precision is None or not precision.n:
        return f"none of its findings was judged, and only checks with a precision above {least:g} block"
    if precision.low > least:
        return ""
    judged = f"{precision.n:,} judged {'finding' if precision.n == 1 else 'findings'}"
    return (
        f"its precision is {precision.mean:.2f} [{precision.low:.2f}, {precision.high:.2f}] by {judged}, "
        f"and only checks with one that is surely above {least:g} block"
    )


def _one(
    one: Asked,
    result: Result,
    waived: int,
    known: int,
    units: Mapping[str, int],
    settings: Settings,
    precision: Precision | None,
) -> Decision:
    amount, share = parse_tolerance(one.tolerance)
    total = units.get(one.unit, 1)
    accepted = int(amount * total + 1e-9) if share else int(amount)
    counted = result.findings - waived - known
    status: Literal["passed", "failed", "skipped", "incomplete"] = "passed"
    reason, unproven = result.reason, False
    if result.outcome == "failed":
        status, reason = "incomplete", f"failed: {result.reason}"
    elif result.outcome == "skipped":
        required = one.check_id in settings.gate.require
        status = "incomplete" if required else "skipped"
        reason = f"is required and was skipped: {result.reason}" if required else result.reason
    elif counted > accepted:
        severe = SEVERITIES.index(one.severity) <= SEVERITIES.index(settings.gate.fail_on)
        doubted = doubt(precision, settings.gate.min_precision) if severe else ""
        unproven = bool(doubted)
        status = "failed" if severe and not doubted else "passed"
        aside = "" if status == "failed" else f" (does not block{f': {doubted}' if doubted else ''})"
        reason = f"{counted:,} {'finding' if counted == 1 else 'findings'}, {accepted:,} accepted{aside}"
    return Decision(
        one.check_id, one.title, one.severity, result.outcome, status, result.findings, waived, known, counted,
        one.tolerance, accepted, one.unit, total, reason, result.supply, precision, unproven,
    )  # fmt: skip
