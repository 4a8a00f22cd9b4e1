"""Runs a check's cases: small tables written beside it as data, through the same stage, measures and engine as an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor import measure
from auditor.engines import duckdb as engine
from auditor.errors import CheckFileError
from auditor.run import Session, run_check
from auditor.stage import Stage
from auditor.tables import TABLES, ddl, select_typed, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from auditor.check import Binder, Check

_CASE_KEYS = {"name", "finds", "expect", "params"}


def run_case(check: Check, case: dict[str, Any], work: Path, binder: Binder) -> list[str]:
    """What is wrong with a case: [] when it holds.

    A case has `name`, `finds` (how many findings), optionally `expect` (a list of {column = value} that must each match one
    row), `params`, and rows of tables or measures by name; a measure that the case gives is not computed.

    Raises:
        CheckFileError: the case names a table, column or parameter that does not exist.
    """
    where = f"{check.id}: case {case.get('name', '?')!r}"
    folder = work / "case"
    con = engine.connect(work, threads=1)
    try:
        stage = Stage(con, work)
        stage.begin("case")
        given: dict[str, Path] = {}
        for name, rows in case.items():
            if name in TABLES:
                stage.add(name, _arrow(con, name, TABLES[name].columns, rows, where))
            elif name in binder.known:
                given[name] = folder / f"{name}.parquet"
                made = _arrow(con, name, binder.known[name], rows, where)
                con.register("given_rows", made)
                full = select_typed("given_rows", set(made.column_names), binder.known[name])
                write_parquet(con, full, measure.load(name).KEY, given[name])
                con.unregister("given_rows")
            elif name not in _CASE_KEYS:
                raise CheckFileError(f"{where}: there is no table or measure {name!r}", "`auditor tables` lists them")
        tables = stage.finish(folder)
    finally:
        con.close()
    session = Session(tables, folder / "measures", work, binder)
    session.measures.update(given)
    session._lacks.update(dict.fromkeys(given))  # noqa: SLF001  # a measure that the case gives counts as computed
    params = {name: param.value for name, param in check.header.params.items()}
    strange = set(case.get("params", {})) - set(params)
    if strange:
        raise CheckFileError(f"{where}: there is no parameter {min(strange)!r}", f"it has {', '.join(params) or 'none'}")
    found: list[dict[str, Any]] = []

    def keep(reader: pa.RecordBatchReader) -> int:
        found.extend(reader.read_all().to_pylist())
        return len(found)

    result = run_check(session, check, params | case.get("params", {}), keep)
    return _compare(case, result.outcome, result.reason, found)


def _arrow(con: duckdb.DuckDBPyConnection, name: str, columns: Any, rows: list[dict[str, Any]], where: str) -> pa.Table:
    import pyarrow as pa

    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CheckFileError(f"{where}: {name} is not a list of rows", f'write {name} = [{{ item_id = "a" }}]')
    for row in rows:
        if strange := set(row) - set(columns):
            raise CheckFileError(f"{where}: {name} has no column {min(strange)!r}", f"it has {', '.join(columns)}")
    con.execute(ddl(f"shape_{name}", columns))
    schema = con.sql(f'FROM "shape_{name}"').to_arrow_table().schema
    con.execute(f'DROP TABLE "shape_{name}"')
    # An empty table has all its columns, and no row.
    used = [field for field in schema if not rows or any(field.name in row for row in rows)]
    arrays = []
    for shape in used:
        values = [row.get(shape.name) for row in rows]
        if pa.types.is_map(shape.type):
            values = [None if value is None else list(value.items()) for value in values]
        arrays.append(pa.array(values, type=shape.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(used))


def _compare(case: dict[str, Any], outcome: str, reason: str, found: list[dict[str, Any]]) -> list[str]:
    if case.get("skipped"):
        return [] if outcome == "skipped" else [f"expected it to be skipped, it {outcome}"]
    if outcome == "skipped" and case["finds"] == 0:
        return [f"skipped ({reason}); a case that finds nothing must have something to look at"]
    if outcome != "found":
        return [f"{outcome}: {reason}"]
    wrong = [] if len(found) == case["finds"] else [f"expected {case['finds']} findings, got {len(found)}: {found[:3]}"]
    wrong += [
        f"no finding matches {expected}; got {found[:3]}"
        for expected in case.get("expect", [])
        if not any(all(row.get(column) == value for column, value in expected.items()) for row in found)
    ]
    return wrong
