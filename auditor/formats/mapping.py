"""Which column of a table means what: as the user says, else by name, else by how its values repeat.

A route is (table, column): ("annotation", "label"), ("annotator", "gender"). A route whose column is not canonical is an
attribute, except for the corners of a box: xmin, ymin, xmax, ymax and bbox become x, y, w, h.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.errors import InputError, UsageError
from auditor.formats.synonyms import GROUPS, NAMES, SPAN_OF_TEXT, plain
from auditor.formats.values import first, parsed
from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from auditor.formats.tabular import Loaded

Route = tuple[str, str]
ITEM: Route = ("annotation", "item_id")
ANNOTATOR: Route = ("annotation", "annotator_id")
LABEL: Route = ("annotation", "label")
VALUE: Route = ("annotation", "value")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ENTITIES = ("annotation", "item", "annotator")
_SAMPLE = 10_000


@dataclass
class Plan:
    """What each column means.

    Attributes:
        routes: route -> index of the table's column.
        guessed: routes that the user did not give, with the reason where it is not the name.
    """

    routes: dict[Route, int] = field(default_factory=dict)
    guessed: dict[Route, str] = field(default_factory=dict)

    def guess(self, route: Route, index: int, why: str = "") -> None:
        """Take a column for a route that nobody gave."""
        table, name = route
        nth = 1
        while route in self.routes:
            nth += 1
            route = (table, f"{name} ({nth})")
        self.routes[route] = index
        self.guessed[route] = why

    def attributes(self, table: str) -> dict[str, int]:
        """Attribute name -> column index."""
        return {name: index for (of, name), index in self.routes.items() if of == table and is_attribute(of, name)}


def is_attribute(table: str, column: str) -> bool:
    """Whether a route names an attribute rather than a canonical column or a box's corner."""
    return column not in TABLES[table].columns and not (table == "annotation" and column in {*CORNERS, "bbox"})


def parse(mapping: Mapping[str, str], table: Loaded) -> Plan:
    """The routes that the user gives.

    Args:
        mapping: canonical column -> column of the file.
        table: the file.

    Raises:
        UsageError: a key is no canonical column.
        InputError: the file has no such column.
    """
    plan = Plan()
    for key, column in mapping.items():
        plan.routes[route_of(key)] = find(table, column)
    return plan


def route_of(key: str) -> Route:
    """The route of a mapping's key; `text` alone is the item's text.

    >>> route_of("label"), route_of("text"), route_of("annotator.gender"), route_of("item.text")
    (('annotation', 'label'), ('item', 'text'), ('annotator', 'gender'), ('item', 'text'))

    Raises:
        UsageError: it is no canonical column.
    """
    table, dot, name = key.partition(".")
    if dot and table in _ENTITIES and name and name != "attributes":
        return ITEM if name == "item_id" else ANNOTATOR if name == "annotator_id" else (table, name)
    if not dot and key not in {"text", "attributes"} and (key in TABLES["annotation"].columns or key in CORNERS or key == "bbox"):
        return ("annotation", key)
    if not dot and key in TABLES["item"].columns and key != "attributes":
        return ("item", key)
    known = [*TABLES["annotation"].columns, *TABLES["item"].columns, *CORNERS, "bbox"]
    near = difflib.get_close_matches(key, known, 1)
    hint = (
        f"did you mean {near[0]}?" if near else "use a column of item or annotation, annotator.NAME, item.NAME or annotation.NAME"
    )
    raise UsageError(f"--map: there is no column {shown(key)}", hint)


def find(table: Loaded, column: str) -> int:
    """The index of a column, by exact name, else by its only match without case.

    Raises:
        InputError: there is none; says which there are.
    """
    if column in table.columns:
        return table.columns.index(column)
    folded = [index for index, name in enumerate(table.columns) if name.casefold() == column.strip().casefold()]
    if len(folded) == 1:
        return folded[0]
    near = difflib.get_close_matches(column, table.columns, 1, 0.5)
    suggestion = f"did you mean {shown(near[0])}? " if near else ""
    raise InputError(table.path, "", f"has no column {shown(column)}", f"{suggestion}the columns are {listed(table.columns)}")


def by_name(con: duckdb.DuckDBPyConnection, table: Loaded, plan: Plan) -> None:
    """Guess routes from column names; columns of numbers and times are taken only if their values are such."""
    guess = _Guess(con, table, plan, [plain(name) for name in table.columns])
    guess.single(ITEM)
    if not any(("annotation", name) in plan.routes for name in ("x", "xmin", "bbox")):
        guess.boxes()
    for route in NAMES:
        guess.single(route)
    if ("item", "text") in plan.routes:
        guess.together(SPAN_OF_TEXT)
    for group in GROUPS[2:]:
        guess.together(group)


@dataclass(frozen=True)
class _Guess:
    """Takes columns that no route has yet, by their names."""

    con: duckdb.DuckDBPyConnection
    table: Loaded
    plan: Plan
    names: list[str]

    def match(self, route: Route, synonyms: tuple[str, ...]) -> int | None:
        used = set(self.plan.routes.values())
        found = (self.names.index(name) for name in synonyms if name in self.names)
        return next((index for index in found if index not in used and _fits(self.con, self.table, route, index)), None)

    def single(self, route: Route) -> None:
        if route not in self.plan.routes and (index := self.match(route, NAMES[route])) is not None:
            self.plan.guess(route, index)

    def together(self, group: Mapping[Route, tuple[str, ...]]) -> bool:
        """Take all columns of a group or none of them; whether they were taken."""
        if any(route in self.plan.routes for route in group):
            return False
        found = {route: index for route, names in group.items() if (index := self.match(route, names)) is not None}
        if len(found) < len(group):
            return False
        for route, index in found.items():
            self.plan.guess(route, index)
        return True

    def boxes(self) -> None:
        index = self.match(("annotation", "bbox"), ("bbox", "box"))
        if index is not None and _holds_boxes(self.con, self.table, index):
            self.plan.guess(("annotation", "bbox"), index)
        elif not self.together(GROUPS[0]):
            self.together(GROUPS[1])


def shown(name: str) -> str:
    r"""A column's name for a message: on one line, without control characters.

    >>> shown("a b"), shown("a\x1b[0m")
    ('a b', "'a\\x1b[0m'")
    """
    short = name if len(name) <= 60 else name[:57] + "…"
    return short if short.isprintable() else ascii(short)


def listed(names: tuple[str, ...] | list[str]) -> str:
    """The first twenty names, for a message."""
    more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    return ", ".join(shown(name) for name in names[:20]) + more


def _fits(con: duckdb.DuckDBPyConnection, table: Loaded, route: Route, index: int) -> bool:
    """Whether at least half of a sample's values have the type that the route's column needs."""
    expression = parsed(route, f"c{index}")
    if expression is None:
        return True
    row = first(con, f"SELECT count(c{index}), count({expression}) FROM (SELECT c{index} FROM {table.relation} LIMIT {_SAMPLE})")
    return row is not None and row[1] * 2 >= row[0]


def _holds_boxes(con: duckdb.DuckDBPyConnection, table: Loaded, index: int) -> bool:
    row = first(
        con,
        f"SELECT count(c{index}), count(*) FILTER (len(TRY_CAST(c{index} AS DOUBLE[])) = 4) "
        f"FROM (SELECT c{index} FROM {table.relation} LIMIT {_SAMPLE})",
    )
    return row is not None and row[0] > 0 and row[1] * 2 >= row[0]
