"""What people say of findings: kept, brought back from every kind of file, and counted."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import multiprocessing
import subprocess

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from auditor import decisions, gate, judging, review, settings
from auditor.cli import cli
from auditor.errors import InputError, UsageError
from auditor.outputs import order
from auditor.precision import posterior
from auditor.review import Review
from auditor.run import Result
from auditor.settings import GateSettings, Settings
from tests import report_world as world
from tests.review_world import votes
from tests.workspace_world import audited, run

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
A, B, C = "a" * 16, "b" * 16, "c" * 16


def said(finding, decision, by="ada", at="2026-01-01", check="f/c", note=""):
    return Review(finding, check, decision, by, at, "cli", note)


# ---- precision


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_posterior_is_that_of_an_independent_library(faults, other):
    found = posterior(faults, faults + other)
    assert found.mean == pytest.approx((faults + 0.5) / (faults + other + 1), abs=1e-12)
    if faults + other:
        low, high = proportion_confint(faults, faults + other, 0.05, "jeffreys")
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert 0 <= found.low < found.mean < found.high <= 1


def test_no_answers_say_nothing():
    found = posterior(0, 0)
    assert (round(found.low, 3), found.mean, round(found.high, 3)) == (0.002, 0.5, 0.998)
    with pytest.raises(ValueError, match="3 faults of 2"):
        posterior(3, 2)


def test_each_finding_counts_once_and_a_dispute_by_halves():
    found = review.precisions(
        [said(A, "yes"), said(A, "yes", "bob"), said(B, "yes"), said(B, "no", "bob"), said(C, "skip"), said(C, "skip", "bob")]
    )["f/c"]
    assert (found.n, found.faults, found.disputed) == (2, 1.5, 1)


def test_the_last_word_of_each_person_counts():
    both = [said(A, "yes", at="2026-01-01"), said(A, "no", at="2026-01-02")]
    assert review.standings(both[::-1])[A].decision == "no"
    assert review.precisions([said(A, "skip")]) == {}


# ---- the gate


def verdict(precision, least=0.5, findings=3):
    chosen = Settings(gate=GateSettings(min_precision=least))
    asked = [gate.Asked("f/c", "A title", "error", 0, "item")]
    return gate.decide(asked, {"f/c": Result("f/c", "found", findings)}, {}, {"item": 9, "annotation": 9}, chosen, NOW.date(), frozenset(),
                       {} if precision is None else {"f/c": precision})  # fmt: skip


def test_a_gate_can_demand_that_only_precise_checks_block():
    assert verdict(posterior(20, 20)).result == "failed"
    unsure = verdict(posterior(4, 5))
    assert unsure.result == "passed"
    assert unsure.decisions[0].unproven
    assert unsure.decisions[0].reason == (
        "3 findings, 0 accepted (does not block: its precision is 0.75 [0.37, 0.98] by 5 judged findings, "
        "and only checks with one that is surely above 0.5 block)"
    )
    assert "none of its findings was judged" in verdict(None).decisions[0].reason
    assert verdict(None, least=0.0).result == "failed"
    assert not verdict(None, findings=0).decisions[0].unproven


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 0.99))
def test_demanding_more_never_makes_a_gate_stricter(faults, other, least):
    known = posterior(faults, faults + other)
    if verdict(known, 0.0).result == "passed":
        assert verdict(known, least).result == "passed"
    assert (verdict(known, least).result == "failed") == (least == 0 or known.low > least)


def test_the_sentence_about_warnings_tells_the_two_kinds_apart():
    unsure = verdict(None).decisions
    assert (
        order.warned_sentence(unsure)
        == "1 check is over its tolerance but only warns: 1 is not known to be precise enough to block"
    )
    assert order.would_block(unsure) == ""


@pytest.mark.parametrize("value", ["1", "-0.1", '"0.5"', "true", "nan"])
def test_a_precision_is_a_number_below_one(tmp_path, value):
    (tmp_path / "auditor.toml").write_text(f"[gate]\nmin_precision = {value}\n")
    with pytest.raises(UsageError, match=r"gate\.min_precision"):
        settings.load(tmp_path / "auditor.toml")


# ---- what is kept


def test_nothing_is_overwritten_and_nothing_is_said_twice(tmp_path):
    assert review.add(tmp_path, [said(A, "yes")]) == 1
    assert review.add(tmp_path, [said(A, "yes")]) == 0
    assert review.add(tmp_path, [said(A, "no", at="2025-12-31")]) == 0  # older than what stands
    assert review.add(tmp_path, [said(A, "no", at="2026-01-02", note="looked again")]) == 1
    assert review.add(tmp_path, [said(A, "yes", "bob", "2026-01-03")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ada.jsonl", "bob.jsonl"]
    assert [one.decision for one in review.read(tmp_path)] == ["yes", "no", "yes"]
    assert review.standings(review.read(tmp_path))[A].disputed


def test_a_line_that_a_crash_cut_off_is_none(tmp_path):
    review.add(tmp_path, [said(A, "yes")])
    with (tmp_path / "ada.jsonl").open("ab") as stream:
        stream.write(b'{"format": "label-aud')
    assert len(review.read(tmp_path)) == 1
    review.add(tmp_path, [said(B, "no")])
    assert [one.finding for one in review.read(tmp_path)] == [A, B]


@pytest.mark.parametrize(
    "line", ["x", "[]", "{}", '{"format": "label-auditor/review/2"}', json.dumps({"format": review.FORMAT, "finding": A}),
             json.dumps({"format": review.FORMAT, **vars(said(A, "maybe"))}), json.dumps({"format": review.FORMAT, **vars(said(1, "yes"))})],
)  # fmt: skip
def test_a_line_that_is_none_is_named(tmp_path, line):
    (tmp_path / "ada.jsonl").write_text(json.dumps({"format": review.FORMAT, **vars(said(A, "yes"))}) + "\n" + line + "\n")
    with pytest.raises(InputError, match="line 2"):
        review.read(tmp_path)


def _many(folder, who):
    for nth in range(20):
        review.add(folder, [said(f"{nth:016x}", "yes", who, f"2026-01-01T00:00:{nth:02}")])


def test_two_at_once_lose_nothing(tmp_path):
    both = [multiprocessing.get_context("spawn").Process(target=_many, args=(tmp_path, who)) for who in ("ada", "bob")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(review.read(tmp_path)) == 40


def test_reviewers_have_plain_names(tmp_path, monkeypatch):
    assert review.reviewer("ada", tmp_path) == "ada"
    with pytest.raises(UsageError, match="cannot name a reviewer"):
        review.reviewer("../ada", tmp_path)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada L. Ørsted/..")
    assert review.reviewer("", tmp_path) == "Ada-L.-rsted"


# ---- files that come back


@pytest.fixture
def con():
    made = duckdb.connect()
    made.execute(
        "CREATE TABLE finding (finding_id VARCHAR, check_id VARCHAR, item_id VARCHAR, annotation_id VARCHAR, evidence VARCHAR)"
    )
    made.executemany(
        "INSERT INTO finding VALUES (?, ?, ?, ?, ?)",
        [(A, "f/c", "i1", "n1", "{}"), (B, "f/d", "i1", None, "{}"), (C, "f/c", "i2", "n2", '{"other_annotation": "n1"}')],
    )
    return made


def put(tmp_path, text, name="file", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def body(**more):
    return {"finding": A, "check": "f/c", "decision": "yes", "at": "2026-01-01T00:00:00.000Z", **more}


def test_decisions_of_the_report(tmp_path, con):
    text = json.dumps({"format": decisions.FORMAT, "decisions": [body(), body(finding=B, decision="skip")]})
    found = decisions.read(put(tmp_path, text), con)
    assert found.via == "report"
    assert found.answers[0] == (A, "f/c", "yes", "2026-01-01T00:00:00.000+00:00", "")
    assert [one[2] for one in found.answers] == ["yes", "skip"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "not JSON"), ("[]", "is no"), ('{"format": "x"}', "is no"), ('{"format": 1, "format": 1}', "twice"),
        (json.dumps({"format": decisions.FORMAT, "decisions": [body(finding="../x")]}), "decision 1"),
        (json.dumps({"format": decisions.FORMAT, "decisions": [body(), body(decision="maybe")]}), "decision 2"),
        (json.dumps({"format": decisions.FORMAT, "decisions": [body(check="<script>")]}), "decision 1"),
        (json.dumps({"format": decisions.FORMAT, "decisions": [body(at="yesterday")]}), "is no time"),
        (json.dumps({"format": decisions.FORMAT, "decisions": [body(note=1)]}), "decision 1"),
        (json.dumps({"format": decisions.FORMAT, "decisions": [7]}), "decision 1"),
        ("a,b\n1,2\n", "no file of decisions"), ("", "no file of decisions"), ("\x00\x01", "no file of decisions|no table"),
        (f"finding_id,decision\n{A},perhaps\n", "line 2.*perhaps"), ("finding_id,decision\n1.23E+15,yes\n", "line 2.*no finding's id"),
    ],
)  # fmt: skip
def test_files_that_are_none_say_where(tmp_path, con, text, match):
    with pytest.raises(InputError, match=match):
        decisions.read(put(tmp_path, text), con)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_an_edited_sheet_in_whatever_way_it_was_saved(tmp_path, con, separator, encoding):
    rows = [
        ["finding_id", "check_id", "message", "decision"],
        [A, "f/c", 'Größe; "x", y', "Yes"],
        [B, "f/d", "", ""],
        [C, "f/c", "", " n "],
    ]
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    found = decisions.read(put(tmp_path, out.getvalue(), encoding=encoding), con)
    assert found.answers == ((A, "f/c", "yes", "", ""), (C, "f/c", "no", "", ""))


def tags(tmp_path, *rows):
    return put(tmp_path, "item_id,annotation_id,tag\n" + "".join(f"{','.join(row)}\n" for row in rows), "tags.csv")


def test_tags_of_an_item_reach_all_that_was_found_about_it(tmp_path, con):
    found = decisions.read(tags(tmp_path, ("i1", "", "no"), ("i2", "", "look again")), con)
    assert {one[0]: one[2] for one in found.answers} == {A: "no", B: "no"}
    assert found.other == 1


def test_a_tag_of_an_annotation_or_of_a_check_goes_before(tmp_path, con):
    found = decisions.read(tags(tmp_path, ("i1", "", "no"), ("i1", "n1", "yes"), ("i1", "", "skip:f/d")), con)
    # the pair C is found on its other side too
    assert {one[0]: one[2] for one in found.answers} == {A: "yes", B: "skip", C: "yes"}


def test_two_tags_that_say_the_opposite_are_refused(tmp_path, con):
    with pytest.raises(UsageError, match="both yes and no"):
        decisions.read(tags(tmp_path, ("i1", "", "yes"), ("i1", "", "no")), con)


# ---- the command


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    checks = world.checks(folder / "checks")
    labels, _ = world.boxes(folder, images=3, each=4)
    return world.audit(labels, folder / "audit", checks), labels, checks


def invoke(*words, code=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.stdout + done.stderr


def test_a_transcript(audit, tmp_path):
    done, labels, checks = audit
    out = done.out
    ids = done.findings.filter(of_check(done.findings, "stress/labels")).column("finding_id").to_pylist()
    assert invoke("review", "--audit", out).startswith("no finding was judged yet")
    assert invoke("review", ids[0], "yes", "--audit", out, "--by", "ada") == (
        f"{ids[0]}: a fault by ada\nstress/labels: precision 0.75 [0.15, 1.00], 1 of 1 judged finding is a fault\n"
    )
    assert "(that stood already)" in invoke("review", ids[0], "yes", "--audit", out, "--by", "ada")
    invoke("review", ids[0][:10], "no", "--audit", out, "--by", "bob", "--note", "it is fine")
    told = invoke("review", "--audit", out)
    assert f"{ids[0]}: stress/labels: a fault by ada, no fault by bob" in told
    assert json.loads(invoke("review", "--json", "--audit", out))["findings"][ids[0]]["decision"] == "disputed"
    assert "there is no finding 'zzzzzzzz'" in invoke("review", "zzzzzzzz", "yes", "--audit", out, code=2)
    near = ids[1][:-1] + ("0" if ids[1][-1] != "0" else "1")
    assert f"did you mean {ids[1]}" in invoke("review", near, "yes", "--audit", out, code=2)
    invoke("review", ids[0], "--audit", out, code=2)
    invoke("review", ids[0], "yes", "--import", out / "findings.csv", "--audit", out, code=2)
    assert "holds no audit" in invoke("review", "--audit", tmp_path, code=2)
    # an audit into the same folder keeps what people said, and shows it
    again = world.audit(labels, out, checks)
    (decision,) = [one for one in again.verdict.decisions if one.check_id == "stress/labels"]
    assert (decision.precision.n, decision.precision.disputed) == (1, 1)
    page = again.report.read_text()
    assert "People differ" in page
    assert 'data-said="disputed"' in page
    assert json.loads((out / "verdict.json").read_text())["checks"][1]["precision"]["n"] == 1
    listed = invoke("checks", "--audit", out, "--checks", checks)
    assert "0.50 [0.03, 0.97] n=1" in listed
    by_id = {one["id"]: one for one in json.loads(invoke("checks", "--json", "--audit", out, "--checks", checks))}
    assert by_id["stress/labels"]["precision"]["n"] == 1
    assert "precision" not in by_id["stress/boxes"]


def of_check(table, check):
    return pc.equal(table["check_id"], check)


def test_the_sheet_that_we_write_comes_back(audit, tmp_path):
    done, _, _ = audit
    rows = list(csv.DictReader(io.StringIO((done.out / "findings.csv").read_text(encoding="utf-8-sig"))))
    assert {row["decision"] for row in rows} == {""}
    for row in rows[:5]:
        row["decision"] = "y"
    out = io.StringIO()
    table = csv.DictWriter(out, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    assert invoke("review", "--import", put(tmp_path, out.getvalue()), "--audit", done.out, "--by", "eve").startswith(
        "5 decisions by eve, 5 of them new\n"
    )
    stand = review.current(review.read(done.out / "reviews"))
    assert {stand[row["finding_id"], "eve"].decision for row in rows[:5]} == {"yes"}


def test_what_is_gone_is_kept_and_what_never_was_is_refused(audit, tmp_path):
    done, _, _ = audit
    known = done.findings["finding_id"].to_pylist()[0]
    some = [body(finding=known, check="not/asked"), body(finding=C, check="old/check")]
    mixed = put(tmp_path, json.dumps({"format": decisions.FORMAT, "decisions": some}))
    assert "1 of findings that are not here any more: kept" in invoke(
        "review", "--import", mixed, "--audit", done.out, "--by", "dan"
    )
    stand = {one.finding: one for one in review.read(done.out / "reviews") if one.by == "dan"}
    assert stand[C].check == "old/check"
    assert stand[known].check in {"stress/labels", "stress/boxes"}  # the finding's own, whatever the file says
    foreign = put(tmp_path, json.dumps({"format": decisions.FORMAT, "decisions": [body(finding="d" * 16)]}))
    assert "none of its 1 decisions is about a finding that is here" in invoke(
        "review", "--import", foreign, "--audit", done.out, code=2
    )
    invoke("review", "--import", foreign, "--audit", done.out, "--by", "dan", "--even-unknown")
    nameless = put(tmp_path, f"finding_id,decision\n{known},yes\n{'e' * 16},no\n")
    assert f"there is no finding {'e' * 16}" in invoke("review", "--import", nameless, "--audit", done.out, code=2)


def test_in_a_workspace_it_is_under_git_and_makes_the_verdict_stale(space, tmp_path):
    run(space, "import", str(votes(tmp_path / "votes.csv")), "--name", "crowd")
    (space / "auditor.toml").write_text('dataset = "pets"\n[gate]\nfail_on = "info"\n')
    audited(space)
    found = pq.read_table(space / "findings" / "findings.parquet").to_pylist()
    run(space, "gate", code=1)
    run(space, "report")
    assert "stale" not in run(space, "status")
    run(space, "review", found[0]["finding_id"], "no", "--by", "ada")
    assert (space / "reviews" / "ada.jsonl").is_file()
    assert run(space, "status").count("people judged more findings") == 2
    run(space, "gate", code=1)
    run(space, "report")
    assert "stale" not in run(space, "status")
    assert "n=1" in run(space, "checks")
    assert "no fault by 1" in (space / "report" / "report.html").read_text()
    (space / "auditor.toml").write_text('dataset = "pets"\n[gate]\nfail_on = "info"\nmin_precision = 0.5\n')
    assert "PASSED" in run(space, "gate")
    assert json.loads((space / "verdict.json").read_text())["settings"]["gate"]["min_precision"] == 0.5
    assert subprocess.run(["git", "check-ignore", "-q", "reviews/ada.jsonl"], cwd=space, check=False).returncode == 1


def test_judging_needs_findings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there are no findings here"):
        judging.place(None)
