"""The figures of the charts, from measures that could be computed; a measure that could not is a section with its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor import steps
from auditor.outputs.html.findings import seen

if TYPE_CHECKING:
    from auditor.outputs.html import Page

# Panels of class balance, labels in each, labels of a heat map, annotators in the table.
MAX_PANELS, MAX_LABELS, MAX_HEAT, MAX_PEOPLE = 4, 15, 10, 40


@dataclass(frozen=True)
class Bar:
    """One label: how often, and its share of the panel (0..1)."""

    label: str
    annotations: int
    items: int
    share: float


@dataclass(frozen=True)
class Balance:
    """Class balance of one task and source: the most frequent labels, and what was left out."""

    task: str
    source: str
    bars: tuple[Bar, ...]
    more_labels: int
    more_annotations: int
    largest: float


@dataclass(frozen=True)
class Interval:
    """A statistic with its 95 % interval and the number it rests on; bounds are None where they cannot be told."""

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    detail: str = ""


@dataclass(frozen=True)
class Heat:
    """Which labels are confused: counts of pairs, symmetric, 0 on the diagonal."""

    task: str
    labels: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]
    largest: int
    pairs: tuple[tuple[str, str, int, float], ...]
    more: int


@dataclass(frozen=True)
class People:
    """The annotator table: which optional columns are there, its rows, how many annotators are not in it, decimals of seconds."""

    task: str
    has: frozenset[str]
    rows: tuple[dict[str, Any], ...]
    more: int
    digits: int


@dataclass(frozen=True)
class Truth:
    """One task's consensus.

    Attributes:
        task: the question asked.
        method: how votes are weighed.
        why: why so.
        items: with votes.
        sure: share of these whose label has a probability of at least 0.95.
        routes: route -> items with dissent that it is for, and the share of dissent on them that is the item's.
        pairs: confusable labels: the two, share of able people's votes that take one for the other, low, high, n.
    """

    task: str
    method: str
    why: str
    items: int
    sure: float
    routes: dict[str, tuple[int, float | None]]
    pairs: tuple[tuple[str, str, float, float, float, int], ...]


def balance(page: Page) -> list[Balance]:
    """Panels of class balance, the busiest first."""
    found = _rows(
        page,
        "class_balance",
        f"""
        WITH summed AS (
          SELECT task, source, label, sum(annotations)::BIGINT AS n, sum(items)::BIGINT AS items FROM measure GROUP BY ALL
        ), placed AS (
          SELECT *, row_number() OVER (PARTITION BY task, source ORDER BY n DESC, label) AS place,
                 sum(n) OVER (PARTITION BY task, source)::BIGINT AS total, count(*) OVER (PARTITION BY task, source) AS labels,
                 sum(n) OVER (PARTITION BY task, source ORDER BY n DESC, label ROWS UNBOUNDED PRECEDING)::BIGINT AS so_far
          FROM summed
        )
        SELECT task, source, left(label, 200), n, items, total, labels, so_far FROM placed WHERE place <= {MAX_LABELS}
        ORDER BY total DESC, task, source, place
        """,
    )
    panels: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for task, source, *rest in found:
        panels.setdefault((task, source), []).append(tuple(rest))
    made = []
    for (task, source), bars in list(panels.items())[:MAX_PANELS]:
        total, labels, so_far = bars[-1][3], bars[-1][4], bars[-1][5]
        shown = tuple(Bar(_label(page, label), n, items, n / total) for label, n, items, *_ in bars)
        made.append(Balance(seen(task, 60), source, shown, labels - len(bars), total - so_far, max(bar.share for bar in shown)))
    return made


def agreement(page: Page) -> dict[str, list[Interval]]:
    """Task -> its coefficients of agreement."""
    found = _rows(
        page, "agreement", "SELECT task, metric, value, low, high, items FROM measure WHERE value IS NOT NULL ORDER BY task, metric"
    )
    by_task: dict[str, list[Interval]] = {}
    for task, metric, value, low, high, items in found:
        if math.isfinite(value):
            by_task.setdefault(seen(task, 60), []).append(
                Interval(_METRICS.get(metric, metric.replace("_", " ")), value, finite(low), finite(high), int(items or 0))
            )
    return by_task


def confusion(page: Page, kind: str) -> list[Heat]:
    """Heat maps of the tasks with most disagreement; `kind` is "annotators" or "gold"."""
    found = _rows(
        page,
        "confusion",
        "SELECT task, left(label_a, 200), left(label_b, 200), pairs, share, count(*) OVER (PARTITION BY task), "
        "sum(pairs) OVER (PARTITION BY task) AS total FROM measure WHERE kind = $kind AND label_a <> label_b "
        "QUALIFY row_number() OVER (PARTITION BY task ORDER BY pairs DESC, label_a, label_b) <= 60 "
        "ORDER BY total DESC, task, pairs DESC, label_a, label_b",
        kind=kind,
    )
    by_task: dict[str, list[tuple[Any, ...]]] = {}
    for task, *rest in found:
        # of gold, rows are the truth: what was given stands first in the measure
        by_task.setdefault(task, []).append((rest[1], rest[0], *rest[2:]) if kind == "gold" else tuple(rest))
    return [_heat(page, task, rows, symmetric=kind == "annotators") for task, rows in list(by_task.items())[:2]]


def _heat(page: Page, task: str, rows: list[tuple[Any, ...]], *, symmetric: bool) -> Heat:
    names: list[str] = []
    for a, b, *_ in rows:
        names += [name for name in (a, b) if name not in names]
    names = sorted(names[:MAX_HEAT])
    count = {(a, b): int(pairs) for a, b, pairs, *_ in rows}
    cells = tuple(tuple(count.get((a, b), 0) + (count.get((b, a), 0) if symmetric and a != b else 0) for b in names) for a in names)
    largest = max((cell for row in cells for cell in row), default=0)
    pairs = tuple((_label(page, a), _label(page, b), int(n), share) for a, b, n, share, *_ in rows[:10])
    return Heat(seen(task, 60), tuple(_label(page, name) for name in names), cells, largest, pairs, rows[0][4] - len(pairs))


def truth(page: Page) -> list[Truth]:
    """The consensus of the tasks with most items, and what would mend the disagreement."""
    found = _rows(
        page,
        "consensus",
        "SELECT task, method, count(*) AS n, avg(CAST(probability >= 0.95 AS INTEGER)) FROM measure WHERE label IS NOT NULL "
        f"GROUP BY ALL ORDER BY n DESC, task LIMIT {MAX_PANELS}",
    )
    why = dict(_rows(page, "consensus_method", "SELECT task, reason FROM measure WHERE chosen"))
    routes: dict[str, dict[str, tuple[int, float | None]]] = {}
    for task, route, items, share in _rows(
        page, "ambiguity", "SELECT task, route, count(*), sum(item_share * dissent) / sum(dissent) FROM measure GROUP BY ALL"
    ):
        routes.setdefault(task, {})[route] = (items, finite(share))
    pairs: dict[str, list[tuple[str, str, float, float, float, int]]] = {}
    for task, label, other, *rest in _rows(
        page,
        "ambiguity_pair",
        "SELECT task, left(label, 200), left(other, 200), rate, low, high, n FROM measure WHERE confusable "
        "QUALIFY row_number() OVER (PARTITION BY task ORDER BY low DESC, label, other) <= 5 ORDER BY task, low DESC, label, other",
    ):
        pairs.setdefault(task, []).append((_label(page, label), _label(page, other), *rest))
    return [
        Truth(
            seen(task, 60), _METHODS.get(method, method.replace("_", " ")), why.get(task) or "", n, sure, routes.get(task, {}),
            tuple(pairs.get(task, ())),
        )
        for task, method, n, sure in found
    ]  # fmt: skip


def people(page: Page) -> list[People]:
    """Annotators by task: those of whom most is known to be wrong first."""
    # by the upper ends: whoever is surest to differ comes first, not whoever answered least
    order = "agreement_high NULLS LAST, gold_high NULLS LAST, annotator_id"
    found = _rows(
        page,
        "annotator_summary",
        f"SELECT task, annotator_id, {', '.join(_PEOPLE)}, count(*) OVER (PARTITION BY task) AS among FROM measure "
        f"QUALIFY row_number() OVER (PARTITION BY task ORDER BY {order}) <= {MAX_PEOPLE} ORDER BY among DESC, task, {order}",
    )
    informed = {
        (task, who): {"informed": finite(share), "informed_low": finite(low), "informed_high": finite(high), "guesses": guesses}
        for task, who, share, low, high, guesses in _rows(
            page,
            "annotator_skill",
            "SELECT task, annotator_id, informed, informed_low, informed_high, coalesce(spammer_q < 0.05, false) FROM measure",
        )
    }
    by_task: dict[str, list[dict[str, Any]]] = {}
    among: dict[str, int] = {}
    for task, annotator_id, *values, total in found:
        row = {name: finite(value) if isinstance(value, float) else value for name, value in zip(_PEOPLE, values, strict=True)}
        row |= {name: _label(page, None if row[name] is None else str(row[name])) for name in ("slip_given", "slip_others")}
        row |= informed.get((task, annotator_id), {"guesses": False})
        row["who"] = seen(page.audience.text("annotator.annotator_id", annotator_id), 40)
        by_task.setdefault(task, []).append(row)
        among[task] = total
    tables = []
    for task, rows in list(by_task.items())[:MAX_PANELS]:
        has = frozenset(name for name in _PEOPLE if any(row[name] not in {None, ""} for row in rows))
        quickest = min((row["median_seconds"] for row in rows if row["median_seconds"]), default=0.0)
        # One precision for all, which tells the quickest from nothing.
        digits = 2 if quickest < 1 else 1 if quickest < 100 else 0
        tables.append(People(seen(task, 60), has, tuple(rows), among[task] - len(rows), digits))
    return tables


_METHODS = {
    "majority": "majority vote",
    "one_coin": "one-coin Dawid-Skene",
    "mace": "MACE",
    "glad": "GLAD",
    "dawid_skene": "Dawid-Skene",
    "dawid_skene_map": "Dawid-Skene with a prior",
}
_METRICS = {
    "percent": "share of pairs that agree",
    "fleiss_kappa": "Fleiss' kappa",
    "alpha_nominal": "Krippendorff's alpha, nominal",
    "alpha_ordinal": "Krippendorff's alpha, ordinal",
    "alpha_interval": "Krippendorff's alpha, interval",
    "alpha_ratio": "Krippendorff's alpha, ratio",
    "alpha_jaccard": "Krippendorff's alpha, sets (Jaccard)",
    "alpha_masi": "Krippendorff's alpha, sets (MASI)",
    "bennett_s": "Bennett's S",
    "gwet_ac1": "Gwet's AC1",
    "gwet_ac2": "Gwet's AC2, quadratic",
    "icc_1": "ICC(1,1)",
    "icc_1k": "ICC(1,k)",
    "icc_2": "ICC(2,1)",
    "icc_2k": "ICC(2,k)",
    "icc_3": "ICC(3,1)",
    "icc_3k": "ICC(3,k)",
    "kendall_w": "Kendall's W",
}
# Columns of `annotator_summary` that the table can show.
_PEOPLE = (
    "annotations", "compared", "agreement", "agreement_low", "agreement_high", "agreement_q",
    "gold_compared", "gold_agreement", "gold_low", "gold_high", "median_seconds", "slip_given", "slip_others", "slip_votes",
)  # fmt: skip


def why_not(page: Page, name: str) -> str:
    """Why a measure is not there, and what would supply it; "" if it is, or if there is no such measure."""
    if name in page.session.measures or name not in page.session.binder.known:
        return ""
    lack = page.session.try_measure(name)
    if lack is None:
        return ""
    supply = steps.fitting(lack.reason, lack.supply, page.session)
    return f"{lack.reason} ({supply})" if supply else lack.reason


def finite(value: float | None) -> float | None:
    """The number, or None for NULL and NaN."""
    return None if value is None or not math.isfinite(value) else value


def _label(page: Page, label: str | None) -> str:
    return seen(page.audience.text("annotation.label", label), 40)


def _rows(page: Page, name: str, query: str, **params: Any) -> list[tuple[Any, ...]]:
    """Rows of a query over `measure`, or none where the measure could not be computed."""
    if name not in page.session.measures:
        return []
    query = f"WITH measure AS (SELECT * FROM read_parquet([$file])) SELECT * FROM ({query})"
    return page.con.execute(query, {"file": str(page.session.measures[name]), **params}).fetchall()
