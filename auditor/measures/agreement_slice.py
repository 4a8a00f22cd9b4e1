"""How well people agree on slices of the items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _pattern
from auditor.measures._alpha import agreement, linear
from auditor.measures._groups import ATTRIBUTES
from auditor.measures._stats import Z95, benjamini_hochberg
from auditor.measures.agreement import MIN_ITEMS
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs
    from auditor.measures._alpha import Patterns

MEANING = "agreement on the items of each split and of each value of an item attribute, against all other items with it"
SOURCE = (
    "Krippendorff, Content Analysis, 2018, chapter 12; interval: bootstrap of items; difference: errors linearised in the items' "
    "contributions (infinitesimal jackknife: Efron, The Jackknife, 1982, chapter 6); Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "of", "key", "value")
EMPTY = "no split or attribute of the items makes slices with two votes on an item"
READS = ("item_vote", "vote_item", "vote_pattern", "vote_task", "vote_code", "ontology", "item.item_id")
OPTIONAL = ("ontology", "item", "vote_pattern")
ANY_OF = (("item.split", "item.attributes"),)
_ALONE = "no two slices have ten items each on which two people voted"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "of": Column("VARCHAR", "split | attribute"),
    "key": Column("VARCHAR", "'split', or the attribute's name"),
    "value": Column("VARCHAR", "its value, which makes the slice"),
    "metric": Column("VARCHAR", "alpha_nominal; alpha_ordinal of numbers and of labels with a declared order"),
    "items": Column("BIGINT", "items of the slice with at least two votes"),
    "rest_items": Column("BIGINT", "the same of the other values"),
    "percent": Column("DOUBLE", "share of pairs of votes that agree", "0..1"),
    "alpha": Column("DOUBLE", "Krippendorff's alpha of the slice; NULL where one label was given only", "-1..1"),
    "low": Column("DOUBLE", "lower end of its 95 % interval; NULL for fewer than 10 items", absent=_ALONE),
    "high": Column("DOUBLE", "upper end", absent=_ALONE),
    "rest": Column("DOUBLE", "alpha of all other values together", "-1..1"),
    "difference": Column("DOUBLE", "alpha - rest"),
    "difference_low": Column("DOUBLE", "lower end of its 95 % interval", absent=_ALONE),
    "difference_high": Column("DOUBLE", "upper end", absent=_ALONE),
    "p": Column("DOUBLE", "two-sided p value of the difference, by the normal distribution", "0..1", absent=_ALONE),
    "q": Column("DOUBLE", "corrected over the slices of the task", "0..1", absent=_ALONE),
}
MOST_DRAWN = 1000  # patterns: a slice with more has the linearised interval
_QUERY = f"""
WITH described AS (
  SELECT v.item AS cluster, attributes FROM item JOIN vote_item AS v USING (item_id) WHERE cardinality(attributes) > 0
), attribute AS ({ATTRIBUTES}), sliced AS (
  SELECT cluster, 'attribute' AS of, key, value FROM attribute
  UNION ALL
  SELECT v.item, 'split', 'split', split FROM item JOIN vote_item AS v USING (item_id) WHERE split IS NOT NULL
)
SELECT task_code, of, key, s.value, pattern, count(*) AS items
FROM item_vote JOIN sliced AS s ON s.cluster = item WHERE votes > 1
GROUP BY ALL ORDER BY task_code, of, key, s.value, pattern
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare each slice with the others, on tasks whose labels exclude each other, or are numbers.

    Args:
        inputs: the table item, the measures item_vote, vote_item, vote_pattern, vote_task, vote_code and the ontology.

    Returns:
        Arrow with `COLUMNS`; attributes with more than 50 values are names or numbers, not slices.
    """
    import pyarrow as pa

    con = inputs.con
    found = con.sql(_QUERY).to_arrow_table()
    code = np.asarray(found["task_code"].to_numpy())
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for task in _pattern.tasks(con):
        first, last = np.searchsorted(code, [task.code, task.code + 1])
        mine = found.slice(first, last - first)
        if not mine.num_rows:
            continue
        read = _pattern.read(con, task)
        metric = "alpha_nominal" if read.patterns.values is None else "alpha_ordinal"
        slices = _weights(mine, read.code)
        start = len(columns["p"])
        for (of, key, value), weight in slices.items():
            whole = np.sum([other for name, other in slices.items() if name[:2] == (of, key)], axis=0)
            row = _compared(metric, read.patterns, weight, whole - weight, inputs.seed)
            for name, told in (("task", task.name), ("of", of), ("key", key), ("value", value), ("metric", metric), *row.items()):
                columns[name].append(told)
        p = np.array([np.nan if one is None else one for one in columns["p"][start:]], dtype=np.float64)
        columns["q"] += benjamini_hochberg(p).tolist()
    text, integer = {"task", "of", "key", "value", "metric"}, {"items", "rest_items"}
    return pa.table({
        name: pa.array(values, pa.string() if name in text else pa.int64() if name in integer else pa.float64(), from_pandas=True)
        for name, values in columns.items()
    })  # fmt: skip


def _weights(rows: pa.Table, patterns: np.ndarray) -> dict[tuple[str, str, str], np.ndarray]:
    """(of, key, value) -> items of the slice with each pattern, from rows sorted by these."""
    import pyarrow as pa

    place, items = np.searchsorted(patterns, rows["pattern"].to_numpy()), rows["items"].to_numpy()
    ends = rows.select(["of", "key", "value"]).append_column("at", pa.array(np.arange(rows.num_rows)))
    ends = ends.group_by(["of", "key", "value"], use_threads=False).aggregate([("at", "min"), ("at", "max")])
    made = {}
    for of, key, value, low, high in zip(
        *(ends[name].to_pylist() for name in ("of", "key", "value", "at_min", "at_max")), strict=True
    ):
        weight = np.zeros(len(patterns), np.int64)
        weight[place[low : high + 1]] = items[low : high + 1]
        made[of, key, value] = weight
    return made


def _compared(metric: str, patterns: Patterns, weight: np.ndarray, rest: np.ndarray, seed: int) -> dict[str, float | int | None]:
    """The figures of a slice, from its items and the others' with each pattern."""
    from scipy import special

    mine, other = (_some(patterns, some) for some in (weight, rest))
    alpha = agreement(metric, mine, seed, most=MOST_DRAWN)
    few = weight.sum() < MIN_ITEMS
    percent = linear("percent", mine)
    row: dict[str, float | int | None] = dict.fromkeys(
        ("rest", "difference", "difference_low", "difference_high", "p"), None
    ) | {
        "items": int(weight.sum()), "rest_items": int(rest.sum()), "percent": percent[0] if percent else None, "alpha": alpha.value,
        "low": None if few else alpha.low, "high": None if few else alpha.high,
    }  # fmt: skip
    one, two = linear(metric, mine), linear(metric, other)
    if two is not None:
        row["rest"] = two[0]
    if one is not None and two is not None:
        gap, error = one[0] - two[0], float(np.hypot(one[1], two[1]))
        row["difference"] = gap
        if error > 0 and not few and rest.sum() >= MIN_ITEMS:
            row |= {
                "difference_low": gap - Z95 * error,
                "difference_high": gap + Z95 * error,
                "p": float(2 * special.ndtr(-abs(gap) / error)),
            }
    return row


def _some(patterns: Patterns, items: np.ndarray) -> Patterns:
    """The patterns that a slice has, with its items."""
    some = items > 0
    return replace(patterns.of(some), items=items[some])
