"""Where sources speak of the same things: ids that were given twice, and items of which they say different things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.tables import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

# Where a medium lies, and whether it was found there, differs from source to source without harm.
_OF_PLACE = {"item_id", "uri", "located"}


@dataclass(frozen=True)
class Clash:
    """What two sources both speak of.

    Attributes:
        first: the source whose ids or values are kept.
        second: the other one.
        column: of which items have different values; "" stands for annotation ids that both have.
        count: how many ids, or items.
    """

    first: str
    second: str
    column: str
    count: int

    def sentence(self) -> str:
        """What happened, for the user.

        >>> Clash("crowd", "zoe", "", 1).sentence()
        '1 annotation id of zoe stands in crowd too: zoe is kept under an id of its own there'
        >>> Clash("crowd", "zoe", "split", 2).sentence()
        '2 items are not the same in zoe as in crowd, which is kept: split'
        """
        one = self.count == 1
        if self.column:
            return (
                f"{self.count:,} item{' is' if one else 's are'} not the same in {self.second} as in {self.first}, "
                f"which is kept: {self.column}"
            )
        return (
            f"{self.count:,} annotation id{'' if one else 's'} of {self.second} stand{'s' if one else ''} in {self.first} too: "
            f"{self.second} is kept under {'an id' if one else 'ids'} of its own there"
        )


def of_ids(con: duckdb.DuckDBPyConnection) -> list[Clash]:
    """Annotation ids that several sources have, from the table `twins`."""
    rows = con.execute(
        "SELECT f._file, t._file, count(*) FROM twins t JOIN twins f USING (annotation_id) "
        "WHERE f.twin = 1 AND t.here = 1 AND t._source <> f._source GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [Clash(first, second, "", count) for first, second, count in rows]


def of_items(con: duckdb.DuckDBPyConnection, given: Iterable[str]) -> list[Clash]:
    """Items of which sources say different things; each becomes a row of the table `kept`, which names no value.

    Args:
        con: has the view `raw_item`.
        given: the columns that some source has.
    """
    columns = sorted(set(given) - _OF_PLACE)
    if not columns:
        return []
    differ = " OR ".join(f"min({quoted(name)}) <> max({quoted(name)})" for name in columns)
    merged = ", ".join(f"arg_min({quoted(name)}, (_part, _row)) AS {quoted(name)}" for name in columns)
    con.execute(
        f"CREATE TEMP TABLE said AS SELECT item_id, _source, any_value(_file) AS _file, {merged} FROM raw_item "
        "WHERE item_id IN (SELECT item_id FROM raw_item GROUP BY item_id "
        f"HAVING min(_source) <> max(_source) AND ({differ})) GROUP BY item_id, _source"
    )
    found = " UNION ALL ".join(
        f"SELECT item_id, {literal(name)} AS field, _source, _file, first_value(_file) OVER one AS kept_file, {quoted(name)} "
        f"IS DISTINCT FROM first_value({quoted(name)}) OVER one AS other FROM said WHERE {quoted(name)} IS NOT NULL "
        "WINDOW one AS (PARTITION BY item_id ORDER BY _source)"
        for name in columns
    )
    con.execute(f"CREATE TEMP TABLE clash AS SELECT * EXCLUDE (other) FROM ({found}) WHERE other")
    con.execute(
        "INSERT INTO kept SELECT 'conflicting_value', 'item', item_id, NULL, item_id, _file, 'not the same in ' || _file "
        "|| ' as in ' || kept_file || ', which is kept: ' || string_agg(field, ', ' ORDER BY field) "
        "FROM clash GROUP BY item_id, _source, _file, kept_file"
    )
    rows = con.execute("SELECT kept_file, _file, field, count(*) FROM clash GROUP BY ALL ORDER BY ALL").fetchall()
    return [Clash(*row) for row in rows]
