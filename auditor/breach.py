"""What a contract needs and what became of it: which tables and columns it reads, and one row per expectation.

Knows nothing of Great Expectations but the plain results that it returns.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from auditor import attribute, measure, suite
from auditor.check import Binder, bind
from auditor.errors import InputError
from auditor.outputs.escape import shorten, visible
from auditor.run import Lack, Result, concealed
from auditor.sqlguard import inspect
from auditor.tables import TABLES, Column, present_columns, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection

    from auditor.check import Check
    from auditor.suite import Expectation, Suite

# Columns of a finding that are filled from a table's columns of the same name.
_NAMED = ("item_id", "annotation_id", "annotator_id", "label")
MAX_OBSERVED = 100  # values of an observed list that are kept
# Asked of a table as a whole: an empty one can be judged.
_OF_EMPTY = re.compile(r"expect_table_|expect_column_to_exist$|expect_column_type_to_be$")


@dataclass(frozen=True)
class Row:
    """What became of one expectation.

    Attributes:
        outcome: found | skipped | failed; never mixed.
        success: met or not; None unless found.
        observed: the figure that an aggregate expectation looked at, as JSON has it, or None.
        elements: rows that were looked at, NULLs included, or None where rows are not counted.
        unexpected: rows that do not meet it, or None.
        percent: of the rows that are not NULL, or None.
        reason: why it was skipped, or the error it failed with.
        supply: what the user can give so that it runs, or "".
        findings: how many findings it made.
        more: rows that do not meet it and made no finding of their own.
        rows: key and value of the rows that do not meet it, as far as they were asked for.
    """

    outcome: Literal["found", "skipped", "failed"] = "found"
    success: bool | None = None
    observed: Any = None
    elements: int | None = None
    unexpected: int | None = None
    percent: float | None = None
    reason: str = ""
    supply: str = ""
    findings: int = 0
    more: int = 0
    rows: Sequence[Mapping[str, Any]] = field(default=(), repr=False)


@dataclass(frozen=True)
class Contract:
    """A suite that was run.

    Attributes:
        suite: what was asked.
        rows: what became of each expectation, by check id, in the suite's order.
        findings: an Arrow table with the columns of `auditor.finding.COLUMNS`, in their fixed order.
        checks: the expectations in the shape of checks, by id, for a report or a gate beside others.
    """

    suite: Suite
    rows: Mapping[str, Row]
    findings: pa.Table
    checks: Mapping[str, Check]

    @property
    def exit_code(self) -> int:
        """0 all that was judged is met; 1 one of severity error is not; 4 one failed with an error, or none could be judged."""
        if any(row.outcome == "failed" for row in self.rows.values()) or all(row.outcome != "found" for row in self.rows.values()):
            return 4
        unmet = [one for one in self.suite.expectations if self.rows[one.check_id].success is False]
        return 1 if any(one.severity == "error" for one in unmet) else 0

    @property
    def results(self) -> dict[str, Result]:
        """Check id -> what became of it, as the gate wants it."""
        return {name: Result(name, row.outcome, row.findings, row.reason, row.supply) for name, row in self.rows.items()}

    def described(self) -> list[dict[str, Any]]:
        """One dict per expectation, ready for JSON."""
        return [
            {
                "check_id": one.check_id,
                "expectation": one.type,
                "about": one.subject,
                "title": one.title,
                "severity": one.severity,
                "kwargs": plain(dict(one.kwargs)),
            }
            | {part.name: getattr(self.rows[one.check_id], part.name) for part in dataclasses.fields(Row) if part.name != "rows"}
            for one in self.suite.expectations
        ]


def exit_code(done: Sequence[Contract]) -> int:
    """4 where an expectation failed with an error or none at all could be judged, else 1 where one of severity error is not met."""
    rows = [row for one in done for row in one.rows.values()]
    if any(row.outcome == "failed" for row in rows) or all(row.outcome == "skipped" for row in rows):
        return 4
    return max(one.exit_code % 4 for one in done)


@dataclass(frozen=True)
class Known:
    """The tables that there are.

    Attributes:
        columns: table -> its columns, in order.
        rows: table -> how many rows it has.
        present: table -> columns in which a row at least is not NULL.
    """

    columns: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int]
    present: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, files: Mapping[str, Path]) -> Known:
        """From the footers of Parquet files."""
        import pyarrow.parquet as pq

        metadata = {name: pq.read_metadata(path) for name, path in files.items()}
        return cls(
            {name: tuple(one.schema.to_arrow_schema().names) for name, one in metadata.items()},
            {name: one.num_rows for name, one in metadata.items()},
            {name: present_columns(path) for name, path in files.items()},
        )

    def key(self, table: str) -> tuple[str, ...]:
        """The columns that name a row of a canonical table or a measure; none for other tables."""
        spec = TABLES.get(table)
        key = spec.key if spec else tuple(measure.load(table).KEY) if table in measure.names() else ()
        return key if set(key) <= set(self.columns[table]) else ()

    def index(self, table: str) -> tuple[str, ...]:
        """The columns that go with a row into its finding: its key, and whom and what it is about."""
        key = self.key(table)
        return tuple(dict.fromkeys([*key, *(name for name in _NAMED if name in self.columns[table])])) if key else ()


def verify(found: Suite, known: Known, con: Connection) -> dict[str, dict[str, frozenset[str]]]:
    """Make sure that what a suite names exists and that its SQL is allowed.

    Args:
        found: the suite.
        known: the tables that there are.
        con: sees a view of each.

    Returns:
        For each check id, table -> the columns that the expectation reads.

    Raises:
        InputError: there is no such table or column, with a suggestion.
        CheckFileError: SQL that is not one SELECT over these tables with allowed functions.
    """
    binder = _binder(known, con) if any(one.sql for one in found.expectations) else None
    return {
        one.check_id: _of_sql(found, one, binder) if one.sql and binder else _named(found, one, known) for one in found.expectations
    }


def _of_sql(found: Suite, one: Expectation, binder: Binder) -> dict[str, frozenset[str]]:
    where = f"{found.file}: {one.place}"
    _table(found, one.place, one.table, binder.known)
    inspect(binder.con, one.sql, binder.known, where)
    reads = bind(partial(binder.columns_read, one.sql, {}), where)
    return {one.table: frozenset(), **reads}


def _named(found: Suite, one: Expectation, known: Known) -> dict[str, frozenset[str]]:
    _table(found, one.place, one.table, {**known.columns, **TABLES})
    columns = {*known.columns.get(one.table, ()), *(TABLES[one.table].columns if one.table in TABLES else ())}
    for column in one.columns:
        # Which attributes there are depends on the data: one that no row has is lacking, not misspelt.
        if column not in columns and column not in one.attributes:
            what = f"{one.table} has no column {column!r}"
            raise InputError(found.file, f"{one.place} ({one.type})", what, suite.near(column, sorted(columns)))
    reads = {one.table: frozenset(one.columns)}
    if "other_table_name" in one.kwargs:
        _table(found, one.place, one.kwargs["other_table_name"], {**known.columns, **TABLES})
        reads.setdefault(one.kwargs["other_table_name"], frozenset())
    return reads


def _table(found: Suite, place: str, name: Any, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise InputError(found.file, place, f"there is no table {name!r}", suite.near(str(name), sorted(known)))


def _binder(known: Known, con: Connection) -> Binder:
    """Empty tables of these names and types, to see what a query reads."""
    others = {
        table: {row[0]: Column(row[1], "") for row in con.execute(f"DESCRIBE {quoted(table)}").fetchall()}
        for table in known.columns
        if table not in TABLES
    }
    return Binder(others)


def lack(one: Expectation, reads: Mapping[str, frozenset[str]], known: Known, hidden: Mapping[str, str]) -> Lack | None:
    """What an expectation needs and does not get: a table, a column that the policy hides, or rows."""
    withheld = attribute.lack(one, reads, hidden)
    if withheld:
        return withheld
    for table, columns in sorted(reads.items()):
        if table not in known.columns:
            return Lack(f"there is no table {table} here", TABLES[table].supply)
        absent = [f"{table}.{column}" for column in sorted(columns - known.present[table])]
        found = concealed(hidden, absent) or _missing(absent, known.columns[table])
        if found:
            return found
    if not known.rows[one.table] and not _OF_EMPTY.match(one.type):
        return Lack(f"no {one.table} rows", TABLES[one.table].supply if one.table in TABLES else "")
    return None


def _missing(absent: Sequence[str], columns: Sequence[str]) -> Lack | None:
    """The first of the columns without a value that its table does not even have; of an attribute, how to give it."""
    for full in absent:
        column = full.partition(".")[2]
        if column not in columns and column.startswith(suite.PREFIX):
            return Lack(f"no row has {full}", f"map a column to {full.replace('.attributes.', '.')}")
        if column not in columns:
            return Lack(f"needs {full}")
    return None


def skip(why: Lack) -> Row:
    """The row of an expectation that cannot be judged."""
    return Row("skipped", reason=why.reason, supply=why.supply)


def met(elements: int | None) -> Row:
    """The row of an expectation that every row of its table meets."""
    return Row(success=True, elements=elements, unexpected=0, percent=0.0)


def fail(error: str) -> Row:
    """The row of an expectation that raised an error."""
    return Row("failed", reason=shorten(visible(error.strip().split("\n", 1)[0]), 500))


def judge(result: Mapping[str, Any], *, success: bool) -> Row:
    """The row of an expectation from what it returned."""
    percent = result.get("unexpected_percent")
    return Row(
        success=success,
        observed=_some(plain(result.get("observed_value"))),
        elements=_count(result.get("element_count")),
        unexpected=_count(result.get("unexpected_count")),
        percent=None if percent is None else float(percent),
        rows=tuple(result.get("partial_unexpected_index_list") or ()),
    )


def counted(row: Row) -> str:
    """How many do not meet it, in words; "" where nothing was counted.

    >>> counted(Row(unexpected=3, elements=1200, percent=0.25)), counted(Row(unexpected=1))
    ('3 of 1,200 rows (0.25%)', '1 value')
    """
    if row.unexpected is None:
        return ""
    if row.elements is None:
        return f"{row.unexpected:,} value{'' if row.unexpected == 1 else 's'}"
    share = f" ({row.percent:.3g}%)" if row.percent is not None else ""
    return f"{row.unexpected:,} of {row.elements:,} rows{share}"


def _some(value: Any) -> Any:
    """At most so many of a list's values: the distinct values of a column may be all its rows.

    >>> _some(list(range(102)))[-2:]
    [99, '… 2 more']
    """
    if isinstance(value, dict):
        return {key: _some(one) for key, one in value.items()}
    if isinstance(value, list) and len(value) > MAX_OBSERVED:
        return [*value[:MAX_OBSERVED], f"… {len(value) - MAX_OBSERVED:,} more"]
    return value


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def plain(value: Any) -> Any:
    """A value as JSON has it: NumPy scalars, decimals, dates, sets and not-a-number included.

    >>> plain({"a": (1, float("nan")), "b": dt.date(2024, 1, 2)})
    {'a': [1, None], 'b': '2024-01-02'}
    """
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, (float, Decimal)):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
