"""Attributes named in contracts as if they were columns: `attributes.gender` of the table annotator.

A canonical table keeps attributes in a MAP. Expectations that name one are asked of a view with those attributes as columns beside
the table's own; the others see the table as it is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from auditor.run import Lack, concealed
from auditor.suite import MAP, PREFIX
from auditor.tables import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection as Connection

    from auditor.breach import Known
    from auditor.suite import Expectation, Suite


def add_views(found: Suite, known: Known, con: Connection) -> Known:
    """A view for each table of whose attributes an expectation names some, with those that a row has as columns.

    Args:
        found: what is asked.
        known: the tables that there are.
        con: sees a view of each.

    Returns:
        The tables with these columns added.
    """
    wanted: dict[str, list[str]] = {}
    for one in found.expectations:
        if one.attributes and MAP in known.columns.get(one.table, ()):
            wanted[one.table] = list(dict.fromkeys([*wanted.get(one.table, ()), *one.attributes]))
    columns, present = dict(known.columns), dict(known.present)
    for table, names in wanted.items():
        values = {name: f"{MAP}[{literal(name.removeprefix(PREFIX))}]" for name in names}
        counts = con.execute(f"SELECT {', '.join(f'count({sql})' for sql in values.values())} FROM {quoted(table)}").fetchall()[0]
        kept = [name for name, count in zip(names, counts, strict=True) if count]
        added = "".join(f", {values[name]} AS {quoted(name)}" for name in kept)
        con.execute(f"CREATE VIEW {quoted(view(table))} AS SELECT *{added} FROM {quoted(table)}")
        columns[table] = (*columns[table], *kept)
        present[table] = present[table].union(kept)
    return dataclasses.replace(known, columns=columns, present=present)


def view(table: str) -> str:
    """The name of a table's view with attributes as columns."""
    return f"{table}_with_attributes"


def asked_of(one: Expectation, known: Known) -> str:
    """The table or view that an expectation is asked of."""
    return view(one.table) if one.attributes and MAP in known.columns[one.table] else one.table


def lack(one: Expectation, reads: Mapping[str, frozenset[str]], hidden: Mapping[str, str]) -> Lack | None:
    """What an expectation lacks where the policy hides an attribute that it names, as a column or in its SQL."""
    # Without its name in the MAP a query would see NULL, and judge by that.
    in_sql = [
        field
        for field in hidden
        for table, _, name in [field.partition(f".{PREFIX}")]
        if name and MAP in reads.get(table, ()) and literal(name) in one.sql
    ]
    return concealed(hidden, [*(f"{one.table}.{name}" for name in one.attributes), *in_sql])
