"""The figures of an audit's first screen: how much there is, how well people agree, what was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection as Connection

    from auditor.run import Lack, Session


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha of one task with its 95 % interval; None where it cannot be told."""

    task: str
    metric: str
    alpha: float
    low: float | None
    high: float | None
    items: int


@dataclass(frozen=True)
class Confusion:
    """Two labels that annotators give to the same items, and their share of all disagreeing pairs."""

    task: str
    label_a: str
    label_b: str
    pairs: int
    share: float


@dataclass(frozen=True)
class Summary:
    """Counts and headline figures.

    Attributes:
        labelled_twice: share of labelled items with annotations of at least two annotators, or None.
        findings: severity -> how many.
    """

    items: int
    annotations: int
    annotators: int
    labelled_twice: float | None
    agreement: tuple[Agreement, ...]
    confusion: tuple[Confusion, ...]
    findings: Mapping[str, int]


def summarise(session: Session, con: Connection, lacks: Mapping[str, Lack | None]) -> Summary:
    """Collect the figures from measures that could be computed and from the table `finding` of `con`."""

    def rows(name: str, query: str) -> list[tuple[Any, ...]]:
        if lacks.get(name, True) is not None:
            return []
        return con.execute(query, [str(session.measures[name])]).fetchall()

    twice = rows("item_vote", "SELECT avg(CASE WHEN annotators >= 2 THEN 1.0 ELSE 0.0 END) FROM read_parquet([?])")
    agreement = rows(
        "agreement",
        "SELECT task, metric, value, low, high, items FROM read_parquet([?]) "
        # A coefficient of so few items that it has no interval is no headline.
        "WHERE metric LIKE 'alpha_%' AND low IS NOT NULL "
        "ORDER BY items DESC, task, metric <> 'alpha_ordinal', metric <> 'alpha_nominal', metric",
    )
    confusion = rows(
        "confusion",
        "SELECT task, label_a, label_b, pairs, share FROM read_parquet([?]) "
        "WHERE kind = 'annotators' ORDER BY pairs DESC, task, label_a, label_b LIMIT 5",
    )
    people = con.execute(
        "SELECT count(*) FROM read_parquet([?]) WHERE kind = 'person'", [str(session.tables.paths["annotator"])]
    ).fetchone()
    found = con.execute("SELECT severity, count(*) FROM finding GROUP BY severity ORDER BY severity").fetchall()
    return Summary(
        items=session.tables.rows["item"],
        annotations=session.tables.rows["annotation"],
        annotators=people[0] if people else 0,
        labelled_twice=twice[0][0] if twice else None,
        agreement=tuple(
            Agreement(task, metric, value, _number(low), _number(high), items)
            for task, metric, value, low, high, items in agreement
        ),
        confusion=tuple(Confusion(*row) for row in confusion),
        findings=dict(found),
    )


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
