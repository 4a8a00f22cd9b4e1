"""SQL that reads a text cell as the type of a canonical column: NULL where it cannot be read, never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

_ZONE = r"[0-9]\s*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"


def parsed(route: tuple[str, str], cell: str) -> str | None:
    """SQL for a cell in the type of its route's column, or None for text.

    >>> parsed(("annotation", "label"), "c0") is None
    True
    >>> parsed(("annotation", "seconds"), "c0")
    'CASE WHEN isfinite(TRY_CAST(c0 AS DOUBLE)) THEN TRY_CAST(c0 AS DOUBLE) END'
    """
    table, column = route
    spec = TABLES[table].columns.get(column)
    if table == "annotation" and column in {"xmin", "ymin", "xmax", "ymax"}:
        return number(cell)
    if spec is None or spec.type == "VARCHAR":
        return None
    if spec.type == "DOUBLE":
        return number(cell)
    if spec.type in {"INTEGER", "BIGINT"}:
        # Beyond 2^53 a double no longer tells whole numbers apart.
        limit = 2**31 if spec.type == "INTEGER" else 2**53
        value = number(cell)
        return f"CASE WHEN {value} = floor({value}) AND abs({value}) < {limit} THEN CAST({value} AS {spec.type}) END"
    if spec.type == "TIMESTAMP":
        return time(cell)
    return f"TRY_CAST({cell} AS {spec.type})"


def first(con: duckdb.DuckDBPyConnection, query: str, params: Sequence[Any] = ()) -> Any:
    """The first row of a query's few, or None: fetched to the end, since a half-read result blocks `register`."""
    return next(iter(con.execute(query, list(params)).fetchall()), None)


def number(cell: str) -> str:
    """SQL for a finite number, or NULL."""
    value = f"TRY_CAST({cell} AS DOUBLE)"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def time(cell: str) -> str:
    """SQL for a time in UTC, or NULL: ISO 8601 with or without a zone, or seconds or milliseconds since 1970."""
    value = f"TRY_CAST({cell} AS DOUBLE)"
    return (
        f"CASE WHEN regexp_matches({cell}, '{_ZONE}') AND contains({cell}, ':') "
        f"THEN CAST(TRY_CAST({cell} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) "
        f"WHEN {value} BETWEEN 1e8 AND 1e10 THEN make_timestamp(CAST({value} * 1e6 AS BIGINT)) "
        f"WHEN {value} BETWEEN 1e11 AND 1e13 THEN make_timestamp(CAST({value} * 1e3 AS BIGINT)) "
        f"WHEN isfinite(TRY_CAST({cell} AS TIMESTAMP)) THEN TRY_CAST({cell} AS TIMESTAMP) END"
    )
