"""The gate is a pure function: findings, tolerances, waivers, a baseline and a date give a verdict."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import gate
from auditor.gate import Asked, decide
from auditor.run import Result
from auditor.settings import GateSettings, Settings, Waiver

DAY = dt.date(2026, 3, 1)
UNITS = {"item": 200, "annotation": 1000, "annotator": 5, "dataset": 1}


def asked(severity="error", tolerance=0, unit="item"):
    return Asked("f/c", "A title", severity, tolerance, unit)


def one(result, *, ask=None, ids=(), settings=None, baseline=frozenset()):
    return decide([ask or asked()], {"f/c": result}, {"f/c": ids}, UNITS, settings or Settings(), DAY, baseline)


def found(number):
    return Result("f/c", "found", number)


@pytest.mark.parametrize(
    ("number", "severity", "tolerance", "expected"),
    [
        (0, "error", 0, "passed"),
        (1, "error", 0, "failed"),
        (3, "error", 3, "passed"),
        (2, "error", "1%", "passed"),
        (3, "error", "1%", "failed"),
        (99, "warning", 0, "passed"),
    ],
)
def test_counts_and_shares(number, severity, tolerance, expected):
    assert one(found(number), ask=asked(severity, tolerance)).result == expected


def test_fail_on_says_how_bad_is_bad_enough():
    strict = Settings(gate=GateSettings(fail_on="warning"))
    assert one(found(1), ask=asked("warning"), settings=strict).result == "failed"
    assert one(found(1), ask=asked("info"), settings=strict).result == "passed"


def test_a_check_that_failed_is_never_green():
    verdict = one(Result("f/c", "failed", reason="boom"))
    assert (verdict.result, verdict.exit_code) == ("incomplete", 4)
    assert verdict.reasons == ("f/c failed: boom", "no check could run")


def test_a_required_check_that_was_skipped_is_incomplete_others_are_not():
    results = {"f/c": Result("f/c", "skipped", reason="no pixels"), "f/d": Result("f/d", "found", 0)}
    both = [asked(), Asked("f/d", "t", "error", 0, "item")]
    assert decide(both, results, {}, UNITS, Settings(), DAY).result == "passed"
    required = Settings(gate=GateSettings(require=("f/c",)))
    verdict = decide(both, results, {}, UNITS, required, DAY)
    assert verdict.result == "incomplete"
    assert "is required" in verdict.reasons[0]


def test_a_required_check_that_was_not_asked_is_incomplete():
    verdict = one(found(0), settings=Settings(gate=GateSettings(require=("f/c", "f/other"))))
    assert (verdict.result, verdict.reasons) == ("incomplete", ("f/other is required and was not asked",))


def test_where_nothing_ran_nothing_passed():
    verdict = one(Result("f/c", "skipped", reason="no rows"))
    assert verdict.result == "incomplete"
    assert verdict.reasons == ("no check could run",)


def test_where_no_annotation_was_read_nothing_was_audited():
    verdict = decide([asked()], {"f/c": found(0)}, {}, {**UNITS, "annotation": 0}, Settings(), DAY)
    assert (verdict.result, verdict.exit_code, verdict.reasons) == ("incomplete", 4, ("no annotations were read",))


def test_waivers_hold_until_their_date():
    waiver = {"owner": "ada", "reason": "known"}
    good = Settings(waiver=(Waiver(finding="x", until=DAY, **waiver),))
    assert one(found(1), ids=["x"], settings=good).result == "passed"
    assert one(found(2), ids=["x", "y"], settings=good).result == "failed"
    old = Settings(waiver=(Waiver(finding="x", until=DAY - dt.timedelta(1), **waiver),))
    verdict = one(found(1), ids=["x"], settings=old)
    assert verdict.result == "failed"
    assert "ended on 2026-02-28" in verdict.notes[0]
    whole = Settings(waiver=(Waiver(check="f/c", until=DAY, **waiver),))
    assert one(found(2), ids=["x", "y"], settings=whole).decisions[0].waived == 2


def test_only_what_the_baseline_lacks_counts():
    verdict = one(found(3), ids=["x", "y", "z"], baseline=frozenset({"x", "y"}))
    assert verdict.decisions[0].counted == 1
    assert verdict.reasons == ("f/c: 1 finding, 0 accepted",)
    assert one(found(2), ids=["x", "y"], baseline=frozenset({"x", "y"})).result == "passed"


@given(number=st.integers(0, 1000), tolerance=st.integers(0, 1000))
def test_more_tolerance_never_hurts(number, tolerance):
    order = {"passed": 0, "failed": 1}
    assert (
        order[one(found(number), ask=asked(tolerance=tolerance + 1)).result]
        <= order[one(found(number), ask=asked(tolerance=tolerance)).result]
    )


def test_exit_codes_are_the_documented_ones():
    assert gate.EXIT_CODES == {"passed": 0, "failed": 1, "incomplete": 4}
