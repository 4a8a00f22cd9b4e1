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

    @property
    def coefficient(self) -> str:
        """Which alpha it is: nominal, ordinal or interval.

        >>> Agreement("label", "alpha_ordinal", 0.5, None, None, 9).coefficient
        'ordinal'
        """
        return self.metric.removeprefix("alpha_")


@dataclass(frozen=True)
class Confusion:
    """Two labels that annotators give to the same items, and their share of all disagreeing pairs.

    Attributes:
        ways: how many pairs of labels the task's disagreements are of; of one, that it is the commonest says nothing.
    """

    task: str
    label_a: str
    label_b: str
    pairs: int
    share: float
    ways: int


@dataclass(frozen=True)
class Slip:
    """A label that people give where gold has another, how often, and its share of all answers that differ from gold."""

    task: str
    given: str
    gold: str
    votes: int
    share: float


@dataclass(frozen=True)
class Summary:
    """Counts and headline figures.

    Attributes:
        annotations: of people, models and rules: gold labels are counted apart.
        gold: how many gold annotations there are, or None.
        gold_compared: how many of these stand beside an answer that they can be compared with: the same item and task, a label or
            a number; None without gold.
        labelled_twice: share of labelled items with annotations of at least two annotators, or None.
        findings: severity -> how many.
    """

    items: int
    annotations: int
    gold: int | None
    gold_compared: int | None
    annotators: int
    labelled_twice: float | None
    agreement: tuple[Agreement, ...]
    confusion: tuple[Confusion, ...]
    slips: tuple[Slip, ...]
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
        # A coefficient of so few items that it has no interval is no headline; one label for all has none however many they are.
        "WHERE metric LIKE 'alpha_%' AND (low IS NOT NULL OR (prevalence = 1 AND items >= 10)) "
        "ORDER BY items DESC, task, metric <> 'alpha_ordinal', metric <> 'alpha_nominal', metric",
    )
    confusion = rows(
        "confusion",
        "SELECT task, label_a, label_b, pairs, share, count(*) OVER (PARTITION BY task) FROM read_parquet([?]) "
        "WHERE kind = 'annotators' ORDER BY pairs DESC, task, label_a, label_b LIMIT 5",
    )
    slips = rows(
        "confusion",
        "SELECT task, label_a, label_b, pairs, share FROM read_parquet([?]) "
        "WHERE kind = 'gold' ORDER BY pairs DESC, task, label_a, label_b LIMIT 5",
    )
    people = con.execute(
        "SELECT count(*) FROM read_parquet([?]) WHERE kind = 'person'", [str(session.tables.paths["annotator"])]
    ).fetchone()
    gold, compared = _gold(session, con)
    found = con.execute("SELECT severity, count(*) FROM finding GROUP BY severity ORDER BY severity").fetchall()
    return Summary(
        items=session.tables.rows["item"],
        annotations=session.tables.rows["annotation"] - (gold or 0),
        gold=gold,
        gold_compared=compared,
        annotators=people[0] if people else 0,
        labelled_twice=twice[0][0] if twice else None,
        agreement=tuple(
            Agreement(task, metric, value, _number(low), _number(high), items)
            for task, metric, value, low, high, items in agreement
        ),
        confusion=tuple(Confusion(*row) for row in confusion),
        slips=tuple(Slip(*row) for row in slips),
        findings=dict(found),
    )


def restore(body: Mapping[str, Any]) -> Summary:
    """A summary from its JSON form (`dataclasses.asdict`)."""
    lists = {
        "agreement": tuple(Agreement(**one) for one in body["agreement"]),
        "confusion": tuple(Confusion(**one) for one in body["confusion"]),
        "slips": tuple(Slip(**one) for one in body["slips"]),
    }
    return Summary(**{**body, **lists})


def _gold(session: Session, con: Connection) -> tuple[int | None, int | None]:
    """How many gold annotations there are, and how many are of an item and task that a person answered with a label or a number."""
    annotation = str(session.tables.paths["annotation"])
    gold = con.execute("SELECT count(*) FROM read_parquet([?]) WHERE source = 'gold'", [annotation]).fetchall()[0][0]
    if not gold:
        return None, None
    # As the measure `vote` has it: only these types are compared.
    compared = con.execute(
        "WITH said AS (SELECT item_id, task, source FROM read_parquet([$file]) "
        "WHERE type IN ('class', 'value') AND (label IS NOT NULL OR value IS NOT NULL)) "
        "SELECT count(*) FROM said WHERE source = 'gold' "
        "AND (item_id, task) IN (SELECT (item_id, task) FROM said WHERE source = 'human')",
        {"file": annotation},
    ).fetchall()[0][0]
    return gold, compared


def gold_note(summary: Summary, session: Session, con: Connection) -> str:
    """A sentence for gold labels that nothing was compared with, and why; "" where there are none, or some were compared."""
    if not summary.gold or summary.gold_compared:
        return ""
    file = str(session.tables.paths["annotation"])
    rows = con.execute("SELECT DISTINCT type FROM read_parquet([?]) WHERE source = 'gold' ORDER BY type", [file]).fetchall()
    kinds = [str(row[0]) for row in rows]
    if {"class", "value"}.isdisjoint(kinds):
        why = f"of type {', '.join(kinds)}, and only labels and numbers are compared with gold so far"
    else:
        why = "no person answered their items in the same task"
    read = "1 gold annotation was" if summary.gold == 1 else f"{summary.gold:,} gold annotations were"
    return f"gold was not compared: {read} read; {why}"


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
