"""Check files: what the loader demands, and how checks are locked in."""

from __future__ import annotations

import textwrap

import duckdb
import pytest

from auditor import child, measure
from auditor.check import Binder, choose, load_folder, parse_tolerance
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError, CheckFileError
from auditor.run import Session, run_check
from tests.worlds import stage_tables

BINDER = Binder(measure.columns())
HEADER = """\
    -- /// check
    -- title = "A label is short"
    -- why = "w"
    -- fix = "f"
    -- wrong_when = "never"
    -- severity = "warning"
    -- unit = "annotation"
    -- scope = "annotation"
    -- key = ["annotation_id"]
    -- source = "s"
    -- [params]
    -- shortest = { value = 2, help = "characters" }
    -- ///
"""
SQL = "SELECT annotation_id, label, format('{} is short', label) AS message FROM annotation WHERE len(label) < $shortest\n"
CASES = """\
    [[case]]
    name = "short"
    finds = 1
    annotation = [{ annotation_id = "1", item_id = "a", label = "x" }]
    [[case]]
    name = "long"
    finds = 0
    annotation = [{ annotation_id = "1", item_id = "a", label = "xyz" }]
"""


def write(folder, sql=None, header=HEADER, cases=CASES, name="mine/short_label"):
    path = folder / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(header) + (SQL if sql is None else sql), encoding="utf-8")
    if cases:
        path.with_suffix(".toml").write_text(textwrap.dedent(cases), encoding="utf-8")
    return folder


def refused(folder):
    with pytest.raises(CheckFileError) as caught:
        load_folder(folder, BINDER, builtin=False)
    assert caught.value.hint
    return caught.value.message


def test_a_check_knows_its_id_what_it_reads_and_returns(tmp_path):
    (one,) = load_folder(write(tmp_path), BINDER, builtin=False)
    assert one.id == "mine/short_label"
    assert one.family == "mine"
    assert one.reads == {"annotation": frozenset({"annotation_id", "label"})}
    assert one.columns == ("annotation_id", "label", "message")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"header": "-- nothing\n"}, "the header is missing"),
        ({"header": HEADER.replace('severity = "warning"', 'severity = "bad"')}, "severity"),
        ({"header": HEADER.replace("why =", "wy =")}, "header"),
        ({"header": HEADER.replace('["annotation_id"]', '["item_id"]')}, "no column 'item_id'"),
        ({"header": HEADER.replace('source = "s"', 'source = "s"\n    -- tolerance = "200%"')}, "tolerance"),
        ({"header": HEADER.replace('source = "s"', 'source = "s"\n    -- optional = ["annotation.nothing"]')}, "optional"),
        ({"sql": "SELECT annotation_id, label AS message FROM annotation\n"}, "parameters"),
        ({"sql": "SELECT annotation_id, labl AS message FROM annotation WHERE $shortest > 1\n"}, "labl"),
        ({"sql": "SELECT annotation_id FROM annotation WHERE $shortest > 1\n"}, "message"),
        ({"sql": "SELECT annotation_id, '' AS message FROM '/etc/passwd' WHERE $shortest > 1\n"}, "no table"),
        ({"cases": ""}, "no cases"),
        ({"cases": CASES.replace("finds = 0", "finds = 2")}, "one that does not"),
        ({"cases": CASES.replace("[[case]]", "[[case")}, "short_label.toml"),
    ],
)
def test_refused_with_the_reason(tmp_path, change, said):
    assert said in refused(write(tmp_path, **change))


def test_a_folder_that_does_not_exist(tmp_path):
    assert "no such folder" in refused(tmp_path / "nothing")


def test_a_file_that_is_not_utf8(tmp_path):
    write(tmp_path)
    (tmp_path / "mine" / "short_label.sql").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused(tmp_path)


def test_the_workspace_s_check_of_the_same_path_wins(tmp_path):
    (ours,) = load_folder(write(tmp_path / "a"), BINDER, builtin=True)
    (theirs,) = load_folder(write(tmp_path / "b"), BINDER, builtin=False)
    assert choose([ours], [theirs]) == [theirs]


@pytest.mark.parametrize("value", [-1, "101%", "x%", "3", True, 1.5])
def test_tolerances_that_are_none(value):
    with pytest.raises(ValueError):  # noqa: PT011
        parse_tolerance(value)


def session(tmp_path, **tables):
    return Session(stage_tables(tmp_path / "tables", **tables), tmp_path / "measures", tmp_path, BINDER)


ROWS = [{"annotation_id": "1", "item_id": "a", "label": "x"}, {"annotation_id": "2", "item_id": "a", "label": "long"}]


@pytest.mark.parametrize("builtin", [True, False])
def test_three_outcomes(tmp_path, builtin):
    (one,) = load_folder(write(tmp_path / "checks"), BINDER, builtin=builtin)
    found = []

    def keep(reader):
        found.extend(reader.read_all().to_pylist())
        return len(found)

    result = run_check(session(tmp_path / "1", annotation=ROWS), one, {"shortest": 2}, keep)
    assert (result.outcome, result.findings) == ("found", 1)
    assert found[0]["message"] == "x is short"
    result = run_check(session(tmp_path / "2", annotation=[{"annotation_id": "1", "item_id": "a"}]), one, {"shortest": 2}, keep)
    assert (result.outcome, result.reason) == ("skipped", "no row has annotation.label")
    result = run_check(session(tmp_path / "3", item=[{"item_id": "a"}]), one, {"shortest": 2}, keep)
    assert (result.outcome, result.reason) == ("skipped", "no annotation rows")
    result = run_check(session(tmp_path / "4", annotation=ROWS), one, {"shortest": "many"}, keep)
    assert result.outcome == "failed"
    assert "many" in result.reason


def test_the_lock_holds_even_where_the_guard_is_passed_by(tmp_path):
    tables = stage_tables(tmp_path / "tables", annotation=ROWS)
    secret = tmp_path / "secret.csv"
    secret.write_text("a\ncanary\n")
    con = engine.connect(tmp_path)
    engine.lock(con, {"annotation": tables.paths["annotation"]})
    assert con.execute("SELECT count(*) FROM annotation").fetchone() == (2,)
    before = tables.paths["annotation"].read_bytes()
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM '{tables.paths['item']}'",
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/x.db'",
        "SET enable_external_access = true",
        "RESET memory_limit",
        "SET memory_limit = '90GB'",
        "INSTALL httpfs",
        "LOAD httpfs",
        f"EXPORT DATABASE '{tmp_path}/export'",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(sql)
    assert not (tmp_path / "out.csv").exists()
    assert tables.paths["annotation"].read_bytes() == before


def test_a_check_that_is_not_ours_is_bounded_in_time(tmp_path):
    tables = stage_tables(tmp_path / "tables", annotation=ROWS)
    endless = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) AS n FROM t, annotation"
    with (
        pytest.raises(AuditorError, match="bound"),
        child.rows(endless, {}, {"annotation": tables.paths["annotation"]}, tmp_path, cpu_seconds=1),
    ):
        pass


def test_a_check_that_is_not_ours_is_bounded_in_memory(tmp_path):
    tables = stage_tables(tmp_path / "tables", annotation=ROWS)
    big = "SELECT len(array_to_string(list_transform(range(200000000), lambda x: 'aaaaaaaaaaaaaaaaaaaaaaaa'), '')) AS n FROM annotation"
    with (
        pytest.raises(AuditorError),
        child.rows(big, {}, {"annotation": tables.paths["annotation"]}, tmp_path, memory_bytes=2 << 30, cpu_seconds=60),
    ):
        pass


def test_the_child_sees_no_environment_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITOR_CANARY", "canary")
    tables = stage_tables(tmp_path / "tables", annotation=ROWS)
    with (
        pytest.raises(AuditorError, match="getenv"),
        child.rows(
            "SELECT getenv('AUDITOR_CANARY') AS a FROM annotation", {}, {"annotation": tables.paths["annotation"]}, tmp_path
        ),
    ):
        pass
