"""Findings of what a contract does not meet: one for each row of a table, or one for the table where rows have no names.

Their ids are made as those of checks are, from the expectation's id and the row's key: equal from run to run.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import finding
from auditor.breach import Contract, counted, plain
from auditor.check import FINDING_COLUMNS, Check, Header
from auditor.outputs.escape import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from duckdb import DuckDBPyConnection as Connection

    from auditor.breach import Known, Row
    from auditor.suite import Expectation, Suite

MAX_VALUE = 200  # characters of a value in a message
_WHERE = ("item_id", "annotation_id", "annotator_id", "label")


def conclude(found: Suite, rows: Mapping[str, Row], con: Connection, known: Known, limit: int) -> Contract:
    """Findings of all that is not met, and the contract as a whole.

    Args:
        found: what was asked.
        rows: what became of each expectation, by check id.
        con: custom SQL is asked for its rows there.
        known: the tables.
        limit: how many rows of an expectation become findings.
    """
    import duckdb
    import pyarrow as pa

    kept: dict[str, Row] = {}
    checks: dict[str, Check] = {}
    store = duckdb.connect()
    try:
        finding.create(store)
        for one in found.expectations:
            row = rows[one.check_id]
            key: tuple[str, ...] = ("expectation",)
            listed: list[dict[str, str | None]] = []
            more = 0
            if row.success is False:
                key, listed, total = _listed(one, row, con, known, limit)
                more = max(total - len(listed), 0)
                listed += [_rest(one, listed[0], more)] if more and listed else []
                listed = listed or [_whole(one, row)]
            columns = tuple(listed[0]) if listed else (*key, "message")
            checks[one.check_id] = _check(found, one, key, columns)
            count = 0
            if listed:
                made = pa.table({name: pa.array([entry.get(name) for entry in listed], pa.string()) for name in columns})
                count = finding.add(store, checks[one.check_id], made, severity=one.severity)
            kept[one.check_id] = dataclasses.replace(row, findings=count, more=more, rows=())
        names = ", ".join(finding.COLUMNS)
        table = store.sql(f"SELECT {names} FROM finding ORDER BY {finding.ORDER}").to_arrow_table()
    finally:
        store.close()
    return Contract(found, kept, table, checks)


def _listed(
    one: Expectation, row: Row, con: Connection, known: Known, limit: int
) -> tuple[tuple[str, ...], list[dict[str, str | None]], int]:
    """The names of the rows' key, the rows, and how many there are in all; no rows where they have no names."""
    if one.sql:
        entries = _asked(one.sql, con, limit)
        total = int(row.observed or 0)
        key = tuple(name for name in _WHERE if entries and name in entries[0]) or ("row",)
        return key, [_of_query(one, entry) for entry in entries], total
    key = known.key(one.table)
    if not row.rows or not key:
        return ("expectation",), [], 0
    return key, [_of_row(one, entry, key) for entry in row.rows[:limit]], row.unexpected or 0


def _asked(sql: str, con: Connection, limit: int) -> list[dict[str, Any]]:
    """The first rows of a query, in an order of their own, as dicts."""
    query = f"SELECT CAST(to_json(found) AS VARCHAR) FROM (SELECT * FROM ({sql}\n) ORDER BY ALL LIMIT {int(limit)}) AS found"
    return [json.loads(row[0]) for row in con.execute(query).fetchall()]


def _of_query(one: Expectation, entry: Mapping[str, Any]) -> dict[str, str | None]:
    """A row that custom SQL returned; what is no column of a finding becomes evidence."""
    rest = {name: value for name, value in entry.items() if name not in FINDING_COLUMNS}
    text = _text(rest) if rest else ""
    said = entry.get("message")
    return {
        **{name: _text(entry[name]) for name in (*_WHERE, "score") if name in entry},
        "message": str(said) if said else _sentence(one, _words(rest)),
        "row": text,
    }


def _of_row(one: Expectation, entry: Mapping[str, Any], key: Sequence[str]) -> dict[str, str | None]:
    """A row of a table under its key."""
    asked = {name: plain(entry[name]) for name in one.columns if name in entry}
    names = tuple(dict.fromkeys([*key, *(name for name in _WHERE if name in entry)]))
    return {
        **{name: _text(entry[name]) for name in names},
        "message": _sentence(one, _words(asked)),
        "found": _text(next(iter(asked.values())) if len(asked) == 1 else asked),
    }


def _rest(one: Expectation, like: Mapping[str, Any], more: int) -> dict[str, str | None]:
    """The last finding where there are more rows than are listed: it says how many."""
    rows = f"{more:,} more row{'s' if more > 1 else ''}"
    return {**dict.fromkeys(like), "message": _sentence(one, f"{rows} beyond those listed")}


def _whole(one: Expectation, row: Row) -> dict[str, str | None]:
    """The finding of an expectation about a table as a whole, or of rows without names."""
    said = counted(row)
    if not said:
        said = f"found {_short(row.observed)}" if row.observed is not None else "not so"
    return {"expectation": one.type, "about": one.subject, "message": _sentence(one, said), "found": _text(row.observed)}


def _sentence(one: Expectation, said: str) -> str:
    title = one.title.rstrip(".")
    return f"{said}; expected: {title[:1].lower() + title[1:] if title[1:2].islower() else title}" if said else title


def _words(values: Mapping[str, Any]) -> str:
    return shorten(", ".join(f"{name} is {_short(value)}" for name, value in values.items()), 3 * MAX_VALUE)


def _short(value: Any) -> str:
    return "NULL" if value is None else shorten(value if isinstance(value, str) else _text(value) or "", MAX_VALUE)


def _text(value: Any) -> str | None:
    """A value as text: texts as they are, anything else as JSON."""
    value = plain(value)
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def as_checks(found: Suite) -> dict[str, Check]:
    """A suite's expectations in the shape of checks, by id: for a report of findings that were made before."""
    return {one.check_id: _check(found, one, ("expectation",), ()) for one in found.expectations}


def _check(found: Suite, one: Expectation, key: Sequence[str], columns: tuple[str, ...]) -> Check:
    """An expectation in the shape of a check."""
    units: dict[str, Literal["item", "annotation", "annotator", "dataset"]] = {
        "item": "item", "annotation": "annotation", "annotator": "annotator",
    }  # fmt: skip
    unit = units.get(one.table, "dataset") if key != ("expectation",) else "dataset"
    header = Header(
        title=one.title or one.type,
        why=f"The contract {found.name} asks for it.",
        fix="Correct the data, or the contract.",
        wrong_when="The contract asks for something that need not be.",
        severity=one.severity,
        unit=unit,
        scope="dataset",
        key=list(key),
        source=f"Great Expectations: {one.type}",
    )
    return Check(one.check_id, header, one.sql, {}, columns, builtin=False, path=Path(found.file))
