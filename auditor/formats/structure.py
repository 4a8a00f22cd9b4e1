"""What the columns that no name explains are about, told by how their values repeat within items and within annotators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.formats.mapping import ANNOTATOR, ITEM, LABEL, VALUE, Plan, listed, shown
from auditor.formats.synonyms import CODES, DEGREES, plain
from auditor.formats.values import first, number

if TYPE_CHECKING:
    import duckdb

    from auditor.formats.tabular import Loaded

# Whole numbers with more different values than a scale from 0 to 100 are ids or counts.
_MAX_DEGREES = 101
ANSWERS = frozenset({"label", "text", "value", "x", "xmin", "bbox", "start_char", "start_s", "polygon", "mask", "keypoints"})


@dataclass(frozen=True)
class Repeats:
    """How columns repeat within the groups of one column.

    Attributes:
        any: whether some group has two rows: without one, that a column is constant within groups says nothing.
        constant: columns with at most one value in each group; empty cells aside.
    """

    any: bool
    constant: frozenset[int]


def repeats(con: duckdb.DuckDBPyConnection, table: Loaded, by: int, columns: list[int]) -> Repeats:
    """How `columns` repeat within the rows that share a value of column `by`."""
    same = ", ".join(f"coalesce(min(c{column}) = max(c{column}), true) AS s{column}" for column in columns)
    every = ", ".join(f"bool_and(s{column})" for column in columns)
    row = first(
        con,
        f"SELECT coalesce(max(n) > 1, false), {every} FROM (SELECT count(*) AS n, {same} "
        f"FROM {table.relation} WHERE c{by} IS NOT NULL GROUP BY c{by})",
    )
    assert row is not None
    return Repeats(bool(row[0]), frozenset(column for column, constant in zip(columns, row[1:], strict=True) if constant))


def by_repetition(con: duckdb.DuckDBPyConnection, table: Loaded, plan: Plan) -> None:
    """Route the columns that are left: to people, to items, one to the label if none is found, the rest to annotations."""
    left = [index for index in range(len(table.columns)) if index not in plan.routes.values()]
    if not left:
        return
    nothing = Repeats(any=False, constant=frozenset())
    item = repeats(con, table, plan.routes[ITEM], left) if ITEM in plan.routes else nothing
    person = repeats(con, table, plan.routes[ANNOTATOR], left) if ANNOTATOR in plan.routes else nothing
    differ = first(
        con, f"SELECT {', '.join(f'coalesce(min(c{column}) <> max(c{column}), false)' for column in left)} FROM {table.relation}"
    )
    assert differ is not None
    varied = {column for column, various in zip(left, differ, strict=True) if various}

    if not any(of == "annotation" and name in ANSWERS for of, name in plan.routes):
        free = [
            column
            for column in left
            if not (item.any and column in item.constant) and not (person.any and column in person.constant)
        ]
        candidates = left if len(left) == 1 else free
        if len(candidates) == 1:
            plan.guess(
                LABEL,
                candidates[0],
                "the only column that differs within items and within annotators" if len(left) > 1 else "the only column left",
            )
            left.remove(candidates[0])
    for column in left:
        name = table.columns[column]
        of_person = person.any and column in person.constant and column in varied
        of_item = column in item.constant
        if of_person and not (of_item and item.any):
            plan.guess(("annotator", name), column, "the same in all rows of an annotator")
        elif of_item:
            plan.guess(("item", name), column, "the same in all rows of an item" if item.any else "each item has one row")
        else:
            plan.guess(("annotation", name), column, "differs within items")


def by_values(con: duckdb.DuckDBPyConnection, table: Loaded, plan: Plan) -> None:
    """Make a guessed label a value where its numbers are ratings or readings: 1.0 to 5.0, stars, 2.25; not 0 and 1, not class ids.

    Numbers have an order that labels lack: agreement, groups and outliers are judged by it.
    """
    answers = [name for of, name in plan.routes if of == "annotation" and name in ANSWERS]
    if LABEL not in plan.guessed or answers != ["label"]:
        return
    index = plan.routes[LABEL]
    name = plain(table.columns[index])
    cell = f"c{index}"
    row = first(
        con,
        f"SELECT bool_and({number(cell)} IS NOT NULL), bool_or({number(cell)} <> floor({number(cell)})), "
        f"bool_or(contains({cell}, '.')), count(DISTINCT {number(cell)}) FROM {table.relation} WHERE {cell} IS NOT NULL",
    )
    numeric, broken, decimal, different = row or (False, False, False, 0)
    degree = name in DEGREES or name.rsplit("_", 1)[-1] in DEGREES
    scale = 3 <= different <= _MAX_DEGREES and (degree or (decimal and name not in CODES))
    if not numeric or not (broken or scale):
        return
    del plan.routes[LABEL], plan.guessed[LABEL]
    column = shown(table.columns[index])
    plan.guess(VALUE, index, f"numbers that look like ratings or readings: give --map label={column} if they are codes of classes")


def require_answers(table: Loaded, plan: Plan) -> None:
    """Raise InputError where no column says what the answer to a row is."""
    if not any(of == "annotation" and name in ANSWERS for of, name in plan.routes):
        raise InputError(
            table.path,
            "",
            "no column is known to hold the labels",
            f"give --map label=COLUMN; the columns are {listed(table.columns)}",
        )
