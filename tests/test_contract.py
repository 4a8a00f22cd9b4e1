"""Contracts: what a suite may say, what becomes of each expectation, and what stays shut."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from auditor import content, contract, contracting, finding, suite
from auditor.cli import cli
from auditor.engines import duckdb as engine
from auditor.engines import sqlalchemy_duckdb
from auditor.errors import AuditorError, UsageError
from auditor.protection import policy
from auditor.stage import Source
from auditor.tables import TABLES
from tests.worlds import stage_tables, votes_csv

pytest.importorskip("great_expectations")

ROWS = [
    {
        "item_id": "a",
        "annotation_id": "1",
        "annotator_id": "ann",
        "label": "cat",
        "type": "class",
        "source": "human",
        "confidence": 0.5,
    },
    {
        "item_id": "a",
        "annotation_id": "2",
        "annotator_id": "bob",
        "label": "犬",
        "type": "class",
        "source": "human",
        "confidence": 1.5,
    },
    {
        "item_id": "b",
        "annotation_id": "3",
        "annotator_id": None,
        "label": None,
        "type": "clas",
        "source": "human",
        "confidence": None,
    },
]


def write(folder, expectations, name="mine", table="annotation", **more):
    path = folder / "suite.json"
    body = {"name": name, "meta": {"table": table}, "expectations": expectations, **more}
    path.write_text(json.dumps({key: value for key, value in body.items() if value is not None}))
    return path


def one(kind, severity="critical", **kwargs):
    return {"type": kind, "kwargs": kwargs, "severity": severity}


def sql(query):
    return one("unexpected_rows_expectation", unexpected_rows_query=query)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return dict(stage_tables(tmp_path_factory.mktemp("tables"), annotation=ROWS).paths)


def asked(folder, files, *expectations, **more):
    return contract.run(contract.load(write(folder, list(expectations))), files, **more)


def message(call):
    with pytest.raises(AuditorError) as caught:
        call()
    return f"{caught.value.message} | {caught.value.hint}"


# what a suite may say


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1, column 2"),
        ("[]", "is not a suite"),
        ('{"name": "x", "expectations": []}', "there are none"),
        ('{"name": 3, "expectations": [{}]}', "name: is not a text"),
        ('{"expectations": [3]}', "expectations[0]: is not an object"),
        ('{"expectations": [{"kwargs": {}}]}', "has no type"),
        ('{"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "x"}}]}', "which table"),
        ('{"expectations": [{"type": "expect_column_to_exist", "table": "item", "severity": "dire"}]}', "cannot be 'dire'"),
        ('{"expectations": [{"type": "expect_column_values_to_be_uniqe", "table": "item"}]}', "did you mean expect_column_values_to_be_unique?"),
        ('{"expectations": [{"type": "expect_column_values_to_be_unique", "table": "item", "kwargs": {"colum": "x"}}]}', "it takes"),
        ('{"expectations": [{"type": "unexpected_rows_expectation", "table": "item"}]}', "has no unexpected_rows_query"),
        ("[" * 100_000, "suite.json"),
        ('{"name": NaN, "expectations": []}', "NaN is not JSON"),
    ],
)  # fmt: skip
def test_a_suite_that_is_none_says_where(tmp_path, text, said):
    path = tmp_path / "suite.json"
    path.write_text(text)
    assert said in message(lambda: contract.load(path))


def test_what_a_suite_names_must_be_there(tmp_path, files):
    unique = "expect_column_values_to_be_unique"
    assert "did you mean annotation?" in message(lambda: asked(tmp_path, files, one(unique, column="x") | {"table": "anotation"}))
    assert "did you mean confidence?" in message(lambda: asked(tmp_path, files, one(unique, column="confidense")))
    other = one("expect_table_row_count_to_equal_other_table", other_table_name="items")
    assert "did you mean item?" in message(lambda: asked(tmp_path, files, other))
    assert "there is no suite" in message(lambda: suite.find("anotation"))
    assert "annotation" in message(lambda: suite.find("anotation"))


@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (COPY (SELECT 1) TO '/tmp/out.csv') SELECT * FROM x",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT current_setting('temp_directory') FROM {batch}",
        "SELECT 1; DROP VIEW annotation",
        "DROP VIEW annotation",
        "SELECT getenv('HOME') FROM {batch}",
        "SELECT * FROM duckdb_settings()",
        "SELECT nothing FROM {batch}",
        "SELECT * FROM {batch.__class__}",
        "SELECT * FROM {batch!r}",
        "SELECT * FROM {batch:>99}",
        "SELECT * FROM {other}",
        "SELECT * FROM {}",
        "SELECT '{' FROM {batch}",
    ],
)
def test_sql_passes_the_allow_list_of_checks(tmp_path, files, query):
    before = {path: path.read_bytes() for path in files.values()}
    assert message(lambda: asked(tmp_path, files, sql(query)))
    assert before == {path: path.read_bytes() for path in files.values()}


def test_older_suites_are_read(tmp_path, files):
    path = tmp_path / "old.json"
    entry = {
        "expectation_type": "expect_column_values_to_be_between",
        "kwargs": {
            "column": "confidence", "min_value": 0, "max_value": 1, "result_format": "COMPLETE",
            "row_condition": 'col("label")=="cat"', "condition_parser": "great_expectations__experimental__",
        },
        "meta": {"table": "annotation"},
    }  # fmt: skip
    path.write_text(json.dumps({"expectation_suite_name": "old", "data_asset_type": None, "expectations": [entry]}))
    loaded = contract.load(path)
    assert loaded.name == "old"
    assert loaded.expectations[0].columns == ("confidence", "label")
    assert [row.success for row in contract.run(loaded, files).rows.values()] == [True]


# what becomes of them


def test_findings_have_the_columns_and_ids_of_findings(tmp_path, files):
    expectations = (
        one("expect_column_values_to_be_between", column="confidence", min_value=0, max_value=1),
        one("expect_column_values_to_be_in_set", "warning", column="type", value_set=["class"]),
        one("expect_column_mean_to_be_between", "info", column="confidence", min_value=2),
        sql("SELECT item_id, label, confidence FROM {batch} WHERE regexp_matches(label, '^c') AND label <> ' :x'"),
    )
    done = asked(tmp_path, files, *expectations)
    assert done.findings.column_names == list(finding.COLUMNS)
    rows = {row["check_id"].split("/")[2]: row for row in done.findings.to_pylist()}
    between = rows["expect_column_values_to_be_between"]
    assert (between["item_id"], between["annotation_id"], between["annotator_id"], between["label"]) == ("a", "2", "bob", "犬")
    assert between["check_id"] == "contract/mine/expect_column_values_to_be_between/confidence"
    assert between["severity"] == "error"
    assert between["message"].startswith("confidence is 1.5; expected: ")
    assert json.loads(between["evidence"]) == {"found": "1.5"}
    assert rows["expect_column_values_to_be_in_set"]["severity"] == "warning"
    mean = rows["expect_column_mean_to_be_between"]
    assert mean["severity"] == "info"
    assert mean["item_id"] is None
    assert "found 1.0" in mean["message"]
    custom = rows["unexpected_rows_expectation"]
    assert (custom["item_id"], custom["label"]) == ("a", "cat")
    assert json.loads(json.loads(custom["evidence"])["row"]) == {"confidence": 0.5}
    # As those of checks are: a hash of the check's id and the values of the key.
    key = duckdb.execute("SELECT json_array('a', '2')::VARCHAR").fetchall()[0][0]
    made = duckdb.execute("SELECT substr(sha256(json_array(?, ?)::VARCHAR), 1, 16)", [between["check_id"], key]).fetchall()[0][0]
    assert between["finding_id"] == made
    assert asked(tmp_path, files, *expectations).findings.equals(done.findings)
    assert done.exit_code == 1
    assert {name: result.findings for name, result in done.results.items()} == dict.fromkeys(done.rows, 1)
    assert all(check.header.title and check.id == name for name, check in done.checks.items())


def test_more_rows_than_are_listed_are_counted(tmp_path, tmp_path_factory):
    rows = [{"item_id": f"{i:04}", "annotation_id": str(i), "source": "human", "confidence": 2.0} for i in range(50)]
    files = stage_tables(tmp_path_factory.mktemp("many"), annotation=rows).paths
    between = one("expect_column_values_to_be_between", column="confidence", max_value=1)
    query = sql("SELECT item_id FROM {batch} WHERE confidence > 1")
    done = asked(tmp_path, files, between, query, limit=10)
    for row in done.rows.values():
        assert (row.findings, row.more) == (11, 40)
    for check_id in done.rows:
        found = [row for row in done.findings.to_pylist() if row["check_id"] == check_id]
        assert sorted(row["item_id"] for row in found if row["item_id"]) == [f"{i:04}" for i in range(10)]
        assert sum(row["message"].startswith("40 more rows beyond those listed") for row in found) == 1
    assert next(iter(done.rows.values())).unexpected == 50


def test_mostly_is_met_without_findings(tmp_path, files):
    done = asked(tmp_path, files, one("expect_column_values_to_be_between", column="confidence", max_value=1, mostly=0.5))
    (row,) = done.rows.values()
    assert (row.success, row.unexpected, row.findings, done.exit_code) == (True, 1, 0, 0)


def test_three_outcomes_never_mixed(tmp_path, files):
    done = asked(
        tmp_path,
        files,
        one("expect_column_values_to_match_regex", column="label", regex="(?=no lookahead)"),
        one("expect_column_values_to_match_regex", column="label", regex="^."),
        one("expect_column_values_to_be_unique", column="annotator_id") | {"table": "qualification"},
        one("expect_table_row_count_to_equal", value=0) | {"table": "qualification"},
        one("expect_column_values_to_not_be_null", column="email") | {"table": "annotator"},
        sql("SELECT annotator_id FROM {batch} JOIN annotator USING (annotator_id) WHERE email LIKE '%@%'"),
        one("expect_column_max_to_be_between", column="confidence", max_value=2),
        one("expect_column_stdev_to_be_between", column="label", max_value=2),
        hidden={"annotator.email": "allow it"},
    )
    outcomes = [(row.outcome, row.success) for row in done.rows.values()]
    assert outcomes == [
        ("failed", None), ("found", True), ("skipped", None), ("found", True), ("skipped", None), ("skipped", None), ("found", True),
        ("failed", None),
    ]  # fmt: skip
    rows = list(done.rows.values())
    assert "(?=" in rows[0].reason
    assert rows[2].reason == "no qualification rows"
    assert rows[4].reason == rows[5].reason == "needs annotator.email, which the policy does not show"
    assert rows[4].supply == "allow it"
    assert done.findings.num_rows == 0
    assert done.exit_code == 4


def test_what_is_not_supported_fails_alone(tmp_path, files):
    comparison = one(
        "expect_query_results_to_match_comparison",
        base_query="SELECT * FROM read_text('/etc/passwd')",
        comparison_data_source_name="tables",
        comparison_query="COPY annotation TO '/tmp/out'",
    )
    rising = one("expect_column_values_to_be_increasing", column="confidence")
    done = asked(tmp_path, files, comparison, rising, one("expect_column_to_exist", column="label"))
    assert [(row.outcome, row.success) for row in done.rows.values()] == [("failed", None), ("failed", None), ("found", True)]
    assert all(row.reason.startswith("not supported: ") for row in list(done.rows.values())[:2])
    assert done.exit_code == 4


def test_a_sealed_column_is_absent_and_its_expectations_are_skipped(tmp_path, files):
    bare = tmp_path / "annotator.parquet"
    pq.write_table(pq.read_table(files["annotator"]).drop_columns(["name"]), bare)
    done = asked(
        tmp_path,
        files | {"annotator": bare},
        one("expect_column_values_to_be_unique", column="name") | {"table": "annotator"},
        hidden={"annotator.name": "needs annotator.name: sealed; auditor open annotator.name --purpose PURPOSE"},
    )
    (row,) = done.rows.values()
    assert (row.outcome, row.reason) == ("skipped", "needs annotator.name: sealed")
    assert "auditor open" in row.supply
    assert done.exit_code == 4


def test_an_attribute_is_a_column_and_a_sealed_one_skips_its_expectation_alone(tmp_path, tmp_path_factory):
    people = [
        {"annotator_id": "ann", "kind": "person", "attributes": {"age": "31", "gender": "f"}},
        {"annotator_id": "bob", "kind": "person", "attributes": {"age": "x"}},
    ]
    clear = stage_tables(tmp_path_factory.mktemp("people"), annotation=ROWS, annotator=people)
    expectations = [
        one("expect_column_values_to_match_regex", column="attributes.age", regex="^[0-9]+$"),
        one("expect_column_values_to_not_be_null", column="attributes.gender"),
        one("expect_column_values_to_be_in_set", column="attributes.age", value_set=["31"],
            row_condition='col("attributes.gender").notnull()', condition_parser="great_expectations"),
        one("expect_column_to_exist", column="attributes.gender"),
        one("expect_column_to_exist", column="attributes.size"),
        one("expect_column_values_to_be_unique", column="attributes.size"),
        one("expect_column_values_to_be_unique", column="annotator_id"),
        one("expect_table_column_count_to_equal", value=len(TABLES["annotator"].columns)),
        sql("SELECT annotator_id FROM {batch} WHERE attributes['gender'] IS NULL"),
    ]  # fmt: skip
    about = contract.load(write(tmp_path, expectations, table="annotator"))
    open_ = contract.run(about, clear.paths, pages=(pages := []))
    contract.write_docs(pages, tmp_path / "docs")
    rows = list(open_.rows.values())
    assert [(row.outcome, row.success) for row in rows] == [
        ("found", False), ("found", False), ("found", True), ("found", True), ("found", False), ("skipped", None), ("found", True),
        ("found", True), ("found", False),
    ], [row.reason for row in rows]  # fmt: skip
    assert (rows[5].reason, rows[5].supply) == ("no row has annotator.attributes.size", "map a column to annotator.size")
    assert [row["annotator_id"] for row in open_.findings.to_pylist() if "attributes.age" in row["check_id"]] == ["bob"]
    assert "attributes.age" in "".join(path.read_text() for path in (tmp_path / "docs").rglob("*.html"))

    without = [{**person, "attributes": {"age": person["attributes"]["age"]}} for person in people]
    stored = stage_tables(tmp_path_factory.mktemp("sealed"), annotation=ROWS, annotator=without)
    field = "annotator.attributes.gender"
    shut = list(contract.run(about, stored.paths, hidden={field: policy.sealed(field)}).rows.values())
    assert [row.outcome for row in shut] == [
        "found", "skipped", "skipped", "skipped", "found", "skipped", "found", "found", "skipped",
    ]  # fmt: skip
    assert {row.reason for row in (shut[1], shut[2], shut[3], shut[8])} == {f"needs {field}: sealed"}
    assert "auditor open" in shut[1].supply


def test_what_the_policy_hides_reaches_no_finding(tmp_path, tmp_path_factory):
    people = [{"annotator_id": "ann", "name": "CANARY-7", "email": "canary-7@example.org", "kind": "robot"}]
    clear = stage_tables(tmp_path_factory.mktemp("clear"), annotation=ROWS, annotator=people)
    rules = policy.load(content.folder("policies") / "fields.toml")
    opened = policy.open_tables(clear, rules, b"k" * 32, stable=True, work=tmp_path_factory.mktemp("open"))
    docs = tmp_path / "docs"
    done = asked(
        tmp_path,
        opened.tables.paths,
        one("expect_column_values_to_be_in_set", column="kind", value_set=["person"]) | {"table": "annotator"},
        sql("SELECT * FROM annotator"),
        sql("SELECT annotator_id, kind FROM annotator"),
        hidden=opened.hidden,
        pages=(pages := []),
    )
    contract.write_docs(pages, docs)
    assert [row.outcome for row in done.rows.values()] == ["found", "skipped", "found"]
    seen = json.dumps(done.findings.to_pylist()) + "".join(path.read_text() for path in docs.rglob("*.html"))
    assert "robot" in seen
    assert "canary-7" not in seen.lower()


def test_hostile_names_and_values(tmp_path):
    names = ['a"b', "select", "at", "x; DROP VIEW t", "%s", "c:d", "犬", "a\nb", "'", "{batch}"]
    values = ["'; --", '"', "\x1b[31m", "\u202e", "{0}", ":name", "%(x)s", "\\", "", None]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(dict.fromkeys(names, values)), path)
    expectations = [
        one("expect_column_values_to_be_in_set", column=name, value_set=[v for v in values if v is not None]) for name in names
    ]
    expectations += [one("expect_column_values_to_be_in_set", column=name, value_set=["no"]) for name in names]
    expectations += [one("expect_column_values_to_match_regex", column=name, regex="^'; --|\\\\$") for name in names]
    expectations += [one("expect_compound_columns_to_be_unique", column_list=names)]
    made = contract.load(write(tmp_path, expectations, name='ev"il/../../%2F\x1b', table="t"))
    done = contract.run(made, {"t": path}, pages=(pages := []))
    contract.write_docs(pages, tmp_path / "docs")
    assert [row.outcome for row in done.rows.values()] == ["found"] * 31, [row.reason for row in done.rows.values()]
    assert [row.unexpected for row in done.rows.values()] == [0] * 10 + [9] * 10 + [7] * 10 + [0]
    assert not any("\x1b" in check_id or " " in check_id or check_id.count("/") != 3 for check_id in done.rows)
    assert len(set(done.rows)) == 31
    assert {item.name for item in tmp_path.iterdir()} == {"t.parquet", "suite.json", "docs"}


def test_nested_columns_and_many_values(tmp_path):
    path = tmp_path / "annotation.parquet"
    duckdb.sql(
        "SELECT i::VARCHAR AS item_id, i::VARCHAR AS annotation_id, 'l' || i AS label, i::DECIMAL(9, 2) AS d, '\\x00'::BLOB AS b,"
        " CASE WHEN i % 2 = 0 THEN MAP {'a': 'b'} END AS attributes, CASE WHEN i % 2 = 0 THEN [[1.0]] END AS polygon,"
        " CASE WHEN i % 2 = 0 THEN {'height': 1, 'width': i, 'counts': ''} END AS mask FROM range(500) AS t(i)"
    ).write_parquet(str(path))
    nested = ["attributes", "polygon", "mask"]
    expectations = [one("expect_column_values_to_not_be_null", column=name) for name in nested]
    expectations += [one("expect_column_values_to_be_unique", column=name) for name in ("polygon", "b")]
    expectations += [one("expect_column_distinct_values_to_be_in_set", column="label", value_set=["l1"])]
    done = asked(tmp_path, {"annotation": path}, *expectations, limit=5)
    rows = list(done.rows.values())
    assert [(row.unexpected, row.findings) for row in rows] == [(250, 6)] * 4 + [(500, 6), (499, 1)], rows
    messages = [row["message"] for row in done.findings.to_pylist()]
    assert any(text.startswith("499 values; expected: ") for text in messages)
    assert max(map(len, messages)) < 1000


def test_a_table_that_cannot_be_asked_fails_alone(tmp_path, files):
    name = 'we"ird; na%me'
    done = asked(
        tmp_path, files | {name: files["item"]}, one("expect_table_row_count_to_equal", value=2) | {"table": name},
        one("expect_column_to_exist", column="label"), pages=[],
    )  # fmt: skip
    assert [(row.outcome, row.success) for row in done.rows.values()] == [("failed", None), ("found", True)]


def test_two_about_one_column_keep_their_own_figures(tmp_path, files):
    quantiles = [
        one(
            "expect_column_quantile_values_to_be_between",
            column="confidence",
            quantile_ranges={"quantiles": q, "value_ranges": [[0, 9]] * len(q)},
        )
        for q in ([0.0], [1.0], [0.0, 1.0])
    ]
    done = asked(tmp_path, files, *quantiles)
    assert [row.observed["values"] for row in done.rows.values()] == [[0.5], [1.5], [0.5, 1.5]]
    assert [name.rsplit("/", 1)[1] for name in done.rows] == ["confidence", "confidence~2", "confidence~3"]


# what stays shut


def test_nothing_is_left_and_nobody_else_is_disturbed(tmp_path, files, monkeypatch):
    import great_expectations as gx

    with contract._quiet():
        mine = gx.get_context(mode="ephemeral")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = contract.load(write(tmp_path, [one("expect_column_values_to_be_unique", column="label")]))
    contract.run(made, files)
    assert list((tmp_path / "tmp").iterdir()) == list((tmp_path / "here").iterdir()) == []
    assert gx.data_context.data_context.context_factory.project_manager.get_current_project() is mine
    assert not sqlalchemy_duckdb._OPEN


def test_telemetry_is_off(files):
    con = duckdb.connect()
    with contract._quiet(), contract._session(con) as session:
        assert session.context.config.analytics_enabled is False
        assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    con.close()


def test_only_contracts_import_great_expectations(root):
    code = "import sys; from auditor.cli import cli; cli(['--help'], standalone_mode=False); print([m for m in ('great_expectations', 'sqlalchemy', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    naming = [
        path
        for path in (root / "auditor").rglob("*.py")
        if "import great_expectations" in (text := path.read_text()) or "from great_expectations" in text
    ]
    assert [path.name for path in naming] == ["contract.py"]


def test_without_great_expectations_there_is_a_hint(root, tmp_path):
    path = write(tmp_path, [one("expect_table_row_count_to_equal", value=1)])
    code = f"import sys; sys.modules['great_expectations'] = None; from auditor.cli import cli; cli(['contract', 'run', {str(path)!r}, 'x.csv'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'label-auditor[contracts]'" in done.stderr


def test_the_dialect_reflects_and_orders(tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql("SELECT (i * 7919) % 1000 AS i, [i] AS l, {'a': i} AS s, i::DECIMAL(9, 2) AS d FROM range(1000) t(i)").write_parquet(
        str(path)
    )
    con = engine.connect(tmp_path)
    engine.lock(con, {"select": path})
    address = sqlalchemy_duckdb.url(con)
    try:
        engine_ = sa.create_engine(address)
        columns = {
            column["name"]: column["type"].compile(dialect=engine_.dialect) for column in sa.inspect(engine_).get_columns("select")
        }
        assert columns == {"i": "BIGINT", "l": "BIGINT[]", "s": "STRUCT(a BIGINT)", "d": "DECIMAL(9,2)"}
        assert sa.inspect(engine_).get_table_names() == ["select"]
        with engine_.connect() as connection:
            result = connection.execute(sa.select(sa.column("i")).select_from(sa.table("select")).limit(3))
        # Read after the connection was given back.
        assert result.scalars().all() == [0, 1, 2]
        with engine_.connect() as connection, pytest.raises(sa.exc.DBAPIError):
            connection.execute(sa.text("CREATE TABLE x AS SELECT * FROM '/etc/passwd'"))
    finally:
        sqlalchemy_duckdb.forget(address)
        con.close()


# the built-in suites

SAMPLE = {
    "item": [{"item_id": "a", "media": "image", "width": 3, "height": 2, "bytes": 9, "sha256": "0" * 64, "split": "train"}],
    "annotation": [ROWS[0] | {"task": "label"}, {"item_id": "b", "annotation_id": "9", "annotator_id": "ann", "task": "t", "type": "box", "source": "gold",
                                                 "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0}],
    "annotator": [{"annotator_id": "ann", "kind": "person"}],
    "ontology": [{"task": "label", "label": "cat", "parent": "animal"}, {"task": "label", "label": "animal"}],
    "prediction": [{"item_id": "a", "task": "label", "model": "m", "probs": [0.25, 0.75]}],
    "model": [{"model": "m", "task": "label", "classes": ["cat", "animal"]}],
    "embedding": [{"item_id": "a", "model": "m", "vector": [1.0, 2.0]}, {"item_id": "b", "model": "m", "vector": [1.0, 3.0]}],
}  # fmt: skip
# table -> a row that breaks the contract, and what it breaks.
BROKEN = {
    "item": ({"item_id": "b", "media": "picture", "width": 0, "bytes": -1, "sha256": "x", "split": "dev", "duration": -1.0, "frames": 0}, 8),
    "annotation": ({"item_id": "b", "annotation_id": "10", "annotator_id": "ann", "task": "t", "type": "bax", "source": "gpt", "confidence": 1.01, "w": 0.0, "h": -1.0,
                    "angle": 400.0, "start_char": 5, "end_char": 4, "start_s": -1.0, "end_s": -2.0, "frame": -1, "seconds": -1.0, "review": "meh",
                    "polygon": [[1.0, 2.0, 3.0]]}, 13),
    "annotator": ({"annotator_id": "bob", "kind": "worker"}, 1),
    "ontology": ({"task": "label", "label": "dog", "parent": "beast", "type": "bax", "ordinal": -1}, 3),
    "prediction": ({"item_id": "b", "task": "label", "model": "m", "fold": -1, "probs": [0.5, 0.75, -0.5]}, 4),
    "model": ({"model": "n", "task": "label", "classes": ["cat", "cat"]}, 1),
    "embedding": ({"item_id": "c", "model": "m", "vector": [float("nan")]}, 2),
}  # fmt: skip


def test_there_is_a_suite_for_every_canonical_table():
    assert suite.builtin().keys() == TABLES.keys()
    for name, path in suite.builtin().items():
        loaded = contract.load(path)
        assert loaded.name == name
        assert {entry.table for entry in loaded.expectations} == {name}
        assert all(entry.title.endswith(".") for entry in loaded.expectations)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_built_in_suites_find_what_is_broken(tmp_path_factory, name):
    loaded = contract.load(suite.builtin()[name])
    files = stage_tables(tmp_path_factory.mktemp("fine"), **SAMPLE).paths
    done = contract.run(loaded, files)
    assert {row.outcome for row in done.rows.values()} == {"found"}, [row.reason for row in done.rows.values()]
    assert [check_id for check_id, row in done.rows.items() if not row.success] == []
    row, count = BROKEN[name]
    worse = stage_tables(tmp_path_factory.mktemp("broken"), **(SAMPLE | {name: [*SAMPLE[name], row]})).paths
    unmet = [check_id for check_id, row in contract.run(loaded, worse).rows.items() if row.success is False]
    assert len(unmet) == count, unmet


# the command


def command(*words, code=0):
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_asks_sources(tmp_path):
    answers = votes_csv(tmp_path / "answers.csv")
    assert "PASSED" in command("contract", "run", "annotation", answers)
    strict = write(tmp_path, [one("expect_column_values_to_be_in_set", column="label", value_set=["nothing"])])
    out = tmp_path / "findings.parquet"
    said = json.loads(command("contract", "run", strict, answers, "--json", "--findings", out, code=1))
    assert (said["result"], said["exit_code"]) == ("failed", 1)
    row = said["suites"][0]["expectations"][0]
    assert row["success"] is False
    assert row["findings"] == said["suites"][0]["findings"] == pq.read_table(out).num_rows > 0
    assert "FAILED" in command("contract", "run", strict, answers, code=1)
    warned = write(tmp_path, [one("expect_table_row_count_to_equal", "warning", value=-1)])
    assert "warning" in command("contract", "run", warned, answers)
    faulty = write(tmp_path, [one("expect_column_values_to_match_regex", column="label", regex="(")])
    assert "INCOMPLETE" in command("contract", "run", faulty, answers, code=4)
    assert "give --predictions FILE" in command("contract", "run", "prediction", answers, code=4)
    assert "did you mean annotation?" in command("contract", "run", "anotation", answers, code=2)
    assert (
        "is not a suite" in command("contract", "run", answers.with_name("suite.json"), "none.csv", code=3)
        if (answers.with_name("suite.json").write_text("{}"))
        else None
    )


def test_data_docs_are_written_on_demand(tmp_path):
    answers = votes_csv(tmp_path / "answers.csv")
    said = command("contract", "run", "all", answers, "--data-docs", tmp_path / "docs")
    assert said.endswith(f"wrote {tmp_path / 'docs' / 'index.html'}\n")
    index = (tmp_path / "docs" / "index.html").read_text()
    assert all(f"validations/{name}-{name}/" in index for name in ("annotation", "annotator", "item")), "one index of all suites"
    assert len(list((tmp_path / "docs" / "validations").rglob("*.html"))) >= 3


def test_the_list_names_every_suite():
    text = command("contract", "list")
    assert all(f"{name}\n" in text for name in TABLES)
    assert json.loads(command("contract", "list", "--json")).keys() == TABLES.keys()


def test_a_workspaces_tables_are_asked_where_no_source_is_named(tmp_path, monkeypatch):
    for name, value in {
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
    }.items():
        monkeypatch.setenv(name, value)
    answers = votes_csv(tmp_path / "answers.csv")
    command("init", tmp_path / "space")
    monkeypatch.chdir(tmp_path / "space")
    command("import", answers)
    said = json.loads(command("contract", "run", "annotation", "--json"))
    assert said["result"] == "passed"
    assert all(row["outcome"] == "found" for row in said["suites"][0]["expectations"])
    with pytest.raises(UsageError):
        contracting.run("annotation", [], media=tmp_path)
    assert contracting.run("annotation", [Source(answers)])[0].exit_code == 0
