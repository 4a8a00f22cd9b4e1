"""The line end to end, through the command line and the API, as a user meets it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import socket
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import auditor
from auditor import api
from auditor.cli import cli
from auditor.errors import InputError, UsageError
from auditor.files import sha256_file
from auditor.stage import Source
from tests.worlds import votes_csv

OWN_SQL = """\
-- /// check
-- title = "A label is a cat"
-- why = "w"
-- fix = "f"
-- wrong_when = "never"
-- severity = "error"
-- unit = "annotation"
-- scope = "annotation"
-- key = ["annotation_id"]
-- source = "s"
-- ///
SELECT annotation_id, item_id, annotator_id, label, 0.5 AS score, len(item_id) AS length, 'it is a ' || label AS message
FROM annotation WHERE label = 'cat'
"""
OWN_CASES = """\
[[case]]
name = "cat"
finds = 1
annotation = [{ annotation_id = "1", item_id = "a", label = "cat" }]
[[case]]
name = "dog"
finds = 0
annotation = [{ annotation_id = "1", item_id = "a", label = "dog" }]
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "checks" / "mine"
    folder.mkdir(parents=True)
    (folder / "cat.sql").write_text(OWN_SQL)
    (folder / "cat.toml").write_text(OWN_CASES)
    return tmp_path / "checks"


def test_it_writes_what_it_promises_and_says_so_in_twenty_lines(run, tmp_path):
    done = run("audit", votes_csv(tmp_path / "answer.csv"))
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "audit").iterdir()} == {
        "findings.parquet", "findings.csv", "measures", "verdict.json", "timings.json", "report.html",
    }  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) <= 20
    assert lines[0].startswith("PASSED")
    assert "12 items · 36 annotations · 3 annotators" in lines[0]
    assert lines[-1].startswith("next")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".auditor-")]


def test_own_checks_work_the_same_day_and_fail_the_gate(run, tmp_path, own):
    done = run("audit", votes_csv(tmp_path / "answer.csv"), "--checks", own, "--only", "mine")
    assert done.exit_code == 1, done.output
    assert "mine/cat" in done.stdout
    rows = pq.read_table(tmp_path / "audit" / "findings.parquet").to_pylist()
    assert {row["label"] for row in rows} == {"cat"}
    assert json.loads(rows[0]["evidence"]) == {"length": 4}
    verdict = json.loads((tmp_path / "audit" / "verdict.json").read_text())
    assert verdict["result"] == "failed"
    assert verdict["checks"][0]["findings"] == len(rows)
    assert verdict["findings_sha256"] == sha256_file(tmp_path / "audit" / "findings.parquet")
    assert verdict["inputs"][0]["sha256"] == sha256_file(tmp_path / "answer.csv")


def test_finding_ids_are_stable_under_other_rows_and_another_order(run, tmp_path, own):
    path = votes_csv(tmp_path / "answer.csv")
    run("audit", path, "--checks", own, "--only", "mine", "--out", "one")
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, "new,ann-9,dog", *reversed(rows)]) + "\n")
    run("audit", path, "--checks", own, "--only", "mine", "--out", "two")
    ids = [
        {row["finding_id"] for row in pq.read_table(tmp_path / name / "findings.parquet").to_pylist()} for name in ("one", "two")
    ]
    assert ids[0] == ids[1]
    assert len(ids[0]) > 1


def test_the_same_input_gives_the_same_bytes(run, tmp_path, own):
    path = votes_csv(tmp_path / "answer.csv")
    for out in ("one", "two"):
        run("audit", path, "--checks", own, "--out", out, "--as-of", "2026-01-01")
    names = [path.relative_to(tmp_path / "one") for path in sorted((tmp_path / "one").rglob("*")) if path.is_file()]
    for name in names:
        if name.name != "timings.json":
            assert sha256_file(tmp_path / "one" / name) == sha256_file(tmp_path / "two" / name), name


def test_links_are_filled_and_percent_encoded(run, tmp_path, own):
    path = tmp_path / "answer.csv"
    path.write_text('item_id,annotator_id,label\n"a&b=""c/ü",p,cat\n')
    run("audit", path, "--checks", own, "--only", "mine", "--link", "https://labels.example/data?task={item_id}")
    (row,) = pq.read_table(tmp_path / "audit" / "findings.parquet").to_pylist()
    assert row["link"] == "https://labels.example/data?task=a%26b%3D%22c%2F%C3%BC"


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "|cmd"])
def test_a_spreadsheet_runs_nothing(run, tmp_path, own, evil):
    with (tmp_path / "answer.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["item_id", "annotator_id", "label"], [evil, "p", "cat"]])
    run(
        "audit",
        tmp_path / "answer.csv",
        "--checks",
        own,
        "--only",
        "mine",
        "--map",
        "item_id=item_id,annotator_id=annotator_id,label=label",
    )
    (row,) = csv.DictReader(io.StringIO((tmp_path / "audit" / "findings.csv").read_text(encoding="utf-8-sig")))
    assert row["item_id"][0] in "'\ufffd"


def test_a_terminal_runs_nothing(run, tmp_path, own):
    (own / "mine" / "cat.sql").write_text(OWN_SQL.replace('title = "A label', 'title = "A \\u001b[31m\\u202e label'))
    done = run("audit", votes_csv(tmp_path / "answer.csv"), "--checks", own, "--only", "mine")
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output


def test_people_reach_no_output(run, tmp_path):
    path = tmp_path / "answer.csv"
    names = ["Canary Ada", "Canary Bob"]
    rows = [
        f"i{item},{name},{'cat' if item % 3 else 'dog'},CANARYSEX{number},{name}@canary.example"
        for item in range(9)
        for number, name in enumerate(names)
    ]
    path.write_text("item_id,annotator_id,label,gender,email\n" + "\n".join(rows) + "\n")
    done = run("audit", path, "--map", "annotator.gender=gender,annotator.email=email")
    assert "shown as pseudonyms" in done.stdout
    written = [file.read_bytes() for file in (tmp_path / "audit").rglob("*") if file.is_file()]
    for canary in (b"Canary", b"CANARY", b"canary.example"):
        assert not [blob for blob in [*written, done.output.encode()] if canary in blob]
    tables = [str(pq.read_table(file).to_pylist()) for file in (tmp_path / "audit").rglob("*.parquet")]
    assert not [text for text in tables if "anary" in text or "CANARY" in text]


def test_a_public_report_holds_no_labels_and_no_ids(run, tmp_path, own):
    path = tmp_path / "answer.csv"
    path.write_text("item_id,annotator_id,label,text\nCANARY-ITEM,p1,cat,CANARY-TEXT\nCANARY-ITEM,p2,CANARY-LABEL,CANARY-TEXT\n")
    done = run("audit", path, "--checks", own, "--for", "public")
    assert done.exit_code == 1, done.output
    out = tmp_path / "audit"
    assert not (out / "measures").exists()
    for file in out.iterdir():
        assert b"CANARY" not in file.read_bytes(), file.name
    (row,) = [row for row in pq.read_table(out / "findings.parquet").to_pylist() if row["check_id"] == "mine/cat"]
    assert row["message"] == "A label is a cat"
    assert row["item_id"].startswith("~")
    assert "CANARY" not in str(pq.read_table(out / "findings.parquet").to_pylist())


def test_pseudonyms_are_stable_under_a_key_file(run, tmp_path):
    (tmp_path / "key").write_bytes(b"k" * 32)
    path = tmp_path / "answer.csv"
    path.write_text("item_id,annotator_id,label\ni1,Ada Lovelace,cat\ni1,Bob Smith,dog\n")
    first = run("audit", path, "--key-file", "key")
    assert "new in every run" not in first.output
    assert "new in every run" in run("audit", path).output


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (b'{"images": [', ["--format", "coco"], "answer.csv"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00", [], "answer.csv"),
        (b"item_id,annotator_id,label\n1,p,cat\n", ["--map", "label=answr"], "answr"),
        (b"", [], "answer.csv"),
    ],
)
def test_what_cannot_be_read_is_one_error_with_a_hint_and_leaves_nothing(run, tmp_path, content, arguments, said):
    (tmp_path / "answer.csv").write_bytes(content)
    done = run("audit", "answer.csv", *arguments)
    assert done.exit_code == 3, done.output
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("auditor: error: ")
    assert said in error
    assert hint.startswith("auditor: hint: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.csv"]


def test_a_run_that_fails_leaves_the_earlier_audit_as_it_was(run, tmp_path):
    path = votes_csv(tmp_path / "answer.csv")
    run("audit", path)
    before = {file.name: file.read_bytes() for file in (tmp_path / "audit").iterdir() if file.is_file()}
    path.write_bytes(b"\xff\xfe\x00")
    assert run("audit", path).exit_code == 3
    assert {file.name: file.read_bytes() for file in (tmp_path / "audit").iterdir() if file.is_file()} == before


def test_files_in_the_out_folder_that_are_not_ours_stay(run, tmp_path):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "notes.txt").write_text("mine")
    run("audit", votes_csv(tmp_path / "answer.csv"))
    assert (tmp_path / "audit" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "answer.csv", "--only", "consistency/box_out"], "did you mean"),
        (["audit", "answer.csv", "--map", "nonsense"], "nonsense"),
        (["audit", "answer.csv", "--format", "kml"], "kml"),
        (["audit", "answer.csv", "--link", "javascript:x"], "https://"),
        (["audit", "answer.csv", "--link", "https://a.example/{item}"], "did you mean {item_id}?"),
        (["audit", "answer.csv", "--link", "https://a.example/{item_id"], "never filled"),
        (["explain", "nothing"], "auditor checks"),
        (["tables", "nothing"], "auditor tables"),
        (["audit"], "SOURCE"),
    ],
)
def test_a_wrong_command_line_exits_2(run, tmp_path, arguments, said):
    votes_csv(tmp_path / "answer.csv")
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert said in done.stderr


def test_a_check_that_crashes_makes_the_verdict_incomplete(run, tmp_path, own):
    (own / "mine" / "cat.sql").write_text(OWN_SQL.replace("len(item_id)", "CAST(label AS INTEGER)"))
    (own / "mine" / "cat.toml").write_text(OWN_CASES)
    done = run("audit", votes_csv(tmp_path / "answer.csv"), "--checks", own)
    assert done.exit_code == 4, done.output
    assert "INCOMPLETE" in done.stdout
    assert "mine/cat" in done.stdout


def test_a_required_check_that_cannot_run_makes_it_incomplete(run, tmp_path):
    (tmp_path / "auditor.toml").write_text('[gate]\nrequire = ["consistency/box_out_of_image"]\n')
    done = run("audit", votes_csv(tmp_path / "answer.csv"))
    assert done.exit_code == 4
    assert "is required and was skipped" in done.stdout


def test_settings_waive_until_a_date(run, tmp_path, own):
    (tmp_path / "auditor.toml").write_text('[[waiver]]\ncheck = "mine/cat"\nowner = "ada"\nreason = "cats"\nuntil = 2026-05-01\n')
    path = votes_csv(tmp_path / "answer.csv")
    assert run("audit", path, "--checks", own, "--only", "mine", "--as-of", "2026-05-01").exit_code == 0
    late = run("audit", path, "--checks", own, "--only", "mine", "--as-of", "2026-05-02")
    assert late.exit_code == 1
    assert "ended on 2026-05-01" in late.stdout


def test_the_baseline_lets_only_new_findings_count(run, tmp_path, own):
    path = votes_csv(tmp_path / "answer.csv")
    run("audit", path, "--checks", own, "--only", "mine", "--out", "before")
    (tmp_path / "auditor.toml").write_text('[gate]\nbaseline = "before/findings.parquet"\n')
    assert run("audit", path, "--checks", own, "--only", "mine").exit_code == 0
    with path.open("a") as stream:
        stream.write("new,ann-1,cat\n")
    done = run("audit", path, "--checks", own, "--only", "mine")
    assert done.exit_code == 1
    assert json.loads((tmp_path / "audit" / "verdict.json").read_text())["reasons"] == ["mine/cat: 1 finding, 0 accepted"]


def test_overrides_change_severity_tolerance_and_rows(run, tmp_path, own):
    path = votes_csv(tmp_path / "answer.csv")
    for text, code in [
        ('severity = "warning"', 0),
        ('tolerance = "100%"', 0),
        ("enabled = false", 4),
        ('where = { column = "item_id", op = "=", value = "nothing" }', 0),
        ('where = { column = "length", op = ">", value = 3 }', 1),
        ('where = { column = "item_id", op = "in", value = ["i001"] }', 1),
    ]:
        (tmp_path / "auditor.toml").write_text(f'[checks."mine/cat"]\n{text}\n')
        done = run("audit", path, "--checks", own, "--only", "mine")
        assert done.exit_code == code, (text, done.output)


def test_json_is_the_verdict(run, tmp_path):
    done = run("audit", votes_csv(tmp_path / "answer.csv"), "--json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "audit" / "verdict.json").read_text())


def test_the_api_returns_arrow_and_shows_itself(tmp_path):
    path = votes_csv(tmp_path / "answer.csv")
    result = auditor.audit(path)
    assert result.verdict.result == "passed"
    assert result.findings.schema.names[0] == "finding_id"
    assert "class_balance" in result.measures
    assert result._repr_html_().startswith("<iframe")
    with pytest.raises(InputError):
        auditor.audit(tmp_path / "nothing.csv")
    with pytest.raises(UsageError):
        auditor.audit()


def test_no_network_and_no_home(tmp_path, monkeypatch):
    """An audit opens no socket at all."""

    def refuse(*_arguments, **_more):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("HOME", str(tmp_path / "nohome"))
    done = api.run(api.Request((Source(votes_csv(tmp_path / "answer.csv")),), tmp_path / "audit", as_of=dt.date(2026, 1, 1)))
    assert done.verdict.result == "passed"
    assert not (tmp_path / "nohome").exists()


def test_help_starts_without_heavy_imports():
    script = (
        "import sys; from auditor.cli import cli\ntry: cli(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'duckdb', 'pyarrow', 'numpy', 'scipy', 'PIL', 'jinja2', 'pydantic', 'rich', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_checks_are_listed_explained_and_tested(run, own):
    assert "mine" in run("checks", "--checks", own).stdout
    tested = run("checks", "--checks", own, "--test")
    assert "2 cases of 1 checks hold" in tested.stdout, tested.output
    (own / "mine" / "cat.toml").write_text(OWN_CASES.replace("finds = 1", "finds = 2"))
    broken = run("checks", "--checks", own, "--test")
    assert broken.exit_code == 3
    assert "expected 2 findings, got 1" in broken.stderr
    explained = run("explain", "consistency/box_out_of_image").stdout
    for part in ("why", "fix", "wrong when", "slack_px", "SELECT"):
        assert part in explained
    assert json.loads(run("checks", "--json").stdout)[0]["id"]


def test_what_an_engine_quotes_of_the_data_does_not_reach_the_public(run, tmp_path, own):
    (own / "mine" / "cat.sql").write_text(OWN_SQL.replace("len(item_id)", "CAST(label AS INTEGER)"))
    path = tmp_path / "answer.csv"
    path.write_text("item_id,annotator_id,label\ni,p1,cat\ni,p2,CANARY-LABEL\n")
    done = run("audit", path, "--checks", own, "--only", "mine", "--for", "public")
    assert done.exit_code == 4, done.output
    for blob in [done.output.encode(), *(file.read_bytes() for file in (tmp_path / "audit").iterdir())]:
        assert b"CANARY" not in blob
        assert b"Could not convert" not in blob
