"""How well people agree, per task, beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _label_sets, _pattern
from auditor.measures._alpha import Coefficient, Patterns, agreement
from auditor.measures._distance import sets
from auditor.measures._variance import NO_BLOCK, TWO_WAY, block, one_way, two_way
from auditor.tables import Column

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "agreement of the votes of each task with 95 % intervals"
SOURCE = (
    "Krippendorff, Content Analysis, 4th edition 2018, chapter 12; Fleiss, Psychological Bulletin 76, 1971, with pairs within "
    "items of unequal numbers; Bennett, Alpert, Goldstein, Public Opinion Quarterly 18, 1954; Gwet, Handbook of Inter-Rater "
    "Reliability, 2014; sets: Passonneau, LREC 2006; Shrout and Fleiss, Psychological Bulletin 86, 1979; Kendall, Rank "
    "Correlation Methods, 1948; bias: Bergsma, J. Korean Statistical Society 42, 2013; interval: bootstrap of "
    "items (Efron and Tibshirani 1993, chapter 13)"
)
KEY = ("task", "metric")
EMPTY = "no task has votes"
# Resampling a handful of items draws the same few again and again: on two items the interval ended at the coefficient itself.
MIN_ITEMS = 10
# More different numbers are measurements, not categories of which each could be as likely.
MOST_CATEGORIES = 50
READS = ("vote_pattern", "vote_task", "vote_code", "vote", "ontology")
OPTIONAL = ("ontology", "vote_pattern")
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "metric": Column(
        "VARCHAR",
        "percent | fleiss_kappa | bennett_s | gwet_ac1 | gwet_ac2 (quadratic weights) | alpha_nominal | alpha_ordinal | "
        "alpha_interval | alpha_ratio | alpha_jaccard | alpha_masi (sets of labels) | icc_1 | icc_1k | icc_2 | icc_2k | icc_3 | "
        "icc_3k (Shrout and Fleiss; k is the mean of all ratings) | kendall_w",
    ),
    "value": Column("DOUBLE", "1 is perfect, 0 is chance (percent: share of pairs that agree); NULL with a reason", "-1..1"),
    "low": Column("DOUBLE", "lower end of the 95 % interval; NULL for fewer than 10 items"),
    "high": Column("DOUBLE", "upper end of the 95 % interval"),
    "items": Column("BIGINT", "items with at least two votes: the n of the coefficient (kendall_w, icc_2, icc_3: that all rated)"),
    "items_any": Column("BIGINT", "items with at least one vote"),
    "votes": Column("BIGINT", "votes on the items with at least two"),
    "annotators": Column("BIGINT", "known people who answered the task (kendall_w, icc_2, icc_3: who rated the same items)"),
    "reason": Column("VARCHAR", "why value or interval is NULL"),
    "prevalence": Column(
        "DOUBLE", "share of the commonest label among the votes; near 1, kappa and alpha can be low by that alone", "0..1"
    ),
    "bias": Column(
        "DOUBLE",
        "how far people differ in how often they give each label: Cramer's V less what chance makes; 0 where they do not",
        "0..1",
    ),
}
_GIVEN = (
    "SELECT annotator, label, count(*) AS votes FROM vote WHERE first AND NOT several AND annotator IS NOT NULL AND task = $task "
    "GROUP BY annotator, label"
)
_RATED = """
SELECT item, annotator, c.value FROM vote AS v JOIN (
  SELECT v.label, coalesce(c.value, o.ordinal) AS value FROM (SELECT DISTINCT label FROM vote WHERE task = $task) AS v
  JOIN vote_code AS c ON c.kind = 'label' AND c.code = v.label LEFT JOIN ontology AS o ON o.task = $name AND o.label = c.text
) AS c ON c.label = v.label
WHERE first AND NOT several AND task = $task AND annotator IN (SELECT unnest($regular))
"""
_REGULAR = (
    "SELECT annotator FROM vote WHERE first AND NOT several AND task = $task AND annotator IS NOT NULL "
    "GROUP BY annotator HAVING count(*) > $half"
)


def compute(inputs: Inputs) -> pa.Table:
    """Every coefficient that the task's answers allow.

    Named labels have the nominal ones, with a declared order the ordinal ones too; numbers those of ranks, intervals, ratios (if
    none is negative) and variances; tasks whose labels do not exclude each other those of sets.

    Args:
        inputs: the measures vote, vote_pattern, vote_task, vote_code and the table ontology.

    Returns:
        Arrow with `COLUMNS`. A missing answer is no category; items with one vote are left out (but for gwet_ac1 and gwet_ac2).
    """
    import pyarrow as pa

    con = inputs.con
    rows: list[tuple[object, ...]] = []
    for task in _pattern.tasks(con):
        patterns = _pattern.read(con, task).patterns
        extent = (*_extent(patterns), task.annotators)
        bias = None if task.numeric else spread(con, task.code)
        share = _prevalence(patterns)
        for metric, got in _coefficients(patterns, numeric=task.numeric, seed=inputs.seed).items():
            rows.append((task.name, metric, *_told(got, extent, "two votes"), share, bias))
        if patterns.values is not None:
            for metric, (got, shape) in _of_a_block(con, task, extent, inputs.seed).items():
                rows.append((task.name, metric, *_told(got, shape, "numbers of the same people"), share, bias))
    for one in _label_sets.read(con):
        extent = (*_extent(one.patterns), one.annotators)
        for kind in ("jaccard", "masi"):
            apart = sets(one.members, "jaccard" if kind == "jaccard" else "masi")
            got = agreement(f"alpha_{kind}", one.patterns, inputs.seed, apart)
            rows.append((one.task, f"alpha_{kind}", *_told(got, extent, "two votes"), None, None))
        rows.append((one.task, "percent", *_told(agreement("percent", one.patterns, inputs.seed), extent, "two votes"), None, None))
    kinds = [pa.string(), pa.string(), *[pa.float64()] * 3, *[pa.int64()] * 4, pa.string(), *[pa.float64()] * 2]
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table({name: pa.array(values, kind) for name, values, kind in zip(COLUMNS, columns, kinds, strict=True)})


def _coefficients(patterns: Patterns, *, numeric: bool, seed: int) -> dict[str, Coefficient]:
    metrics = ["percent"] if numeric else ["percent", "fleiss_kappa", "bennett_s", "gwet_ac1", "alpha_nominal"]
    if patterns.values is not None:
        metrics += ["alpha_ordinal", *(["gwet_ac2"] if len(patterns.values) <= MOST_CATEGORIES else [])]
        if numeric:
            metrics += ["alpha_interval", *(["alpha_ratio"] if patterns.values[0] >= 0 else [])]
    found = {metric: agreement(metric, patterns, seed) for metric in metrics}
    return found | (one_way(patterns, seed) if numeric else {})


def _extent(patterns: Patterns) -> tuple[int, int, int]:
    """Items with two votes, items with one or more, and votes on the former."""
    size = np.asarray(patterns.counts.sum(axis=1), np.int64)
    several = size > 1
    return int(patterns.items[several].sum()), int(patterns.items.sum()), int(patterns.items[several] @ size[several])


def _told(got: Coefficient, extent: tuple[int, int, int, int], of: str) -> tuple[object, ...]:
    if got.value is not None and got.reason is None and extent[0] < MIN_ITEMS:
        got = Coefficient(got.value, reason=f"no interval from fewer than {MIN_ITEMS} items with {of}")
    return got.value, got.low, got.high, *extent, got.reason


def _prevalence(patterns: Patterns) -> float | None:
    totals = np.asarray(patterns.counts.T @ patterns.items, np.float64)
    return float(totals.max() / totals.sum()) if totals.sum() else None


def _of_a_block(
    con: duckdb.DuckDBPyConnection, task: _pattern.Task, extent: tuple[int, int, int, int], seed: int
) -> dict[str, tuple[Coefficient, tuple[int, int, int, int]]]:
    """Coefficients that need the same people on the same items, with their own n."""
    regular = [who for (who,) in con.execute(_REGULAR, {"task": task.code, "half": extent[1] / 2}).fetchall()]
    rated = None
    if len(regular) > 1:  # else a second reading of the votes would find no block
        found = con.execute(_RATED, {"task": task.code, "name": task.name, "regular": regular}).fetchnumpy()
        rated = block(found["item"], found["annotator"], np.asarray(found["value"], np.float64))
    wanted = (*TWO_WAY, "kendall_w") if task.numeric else ("kendall_w",)
    if rated is None:
        return {name: (Coefficient(None, reason=NO_BLOCK), (0, extent[1], 0, extent[3])) for name in wanted}
    items, people = rated.numbers.shape
    got = two_way(rated, seed)
    return {name: (got[name], (items, extent[1], items * people, people)) for name in wanted}


def spread(con: duckdb.DuckDBPyConnection, task: int) -> float | None:
    """Bergsma's bias-corrected Cramer's V of person and label; None for fewer than 2 people or labels."""
    found = con.execute(_GIVEN, {"task": task}).fetchnumpy()
    _, person = np.unique(found["annotator"], return_inverse=True)
    _, label = np.unique(found["label"], return_inverse=True)
    return cramers_v(person, label, np.asarray(found["votes"], np.float64))


def cramers_v(one: np.ndarray, other: np.ndarray, count: np.ndarray) -> float | None:
    """Cramer's V of two codes, less its bias in small samples (Bergsma 2013); None where one of them does not vary.

    >>> round(cramers_v(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([30.0, 10.0, 10.0, 30.0])), 4)
    0.4903
    """
    rows, columns = int(one.max(initial=-1)) + 1, int(other.max(initial=-1)) + 1
    if rows < 2 or columns < 2:
        return None
    n = count.sum()
    across, down = np.bincount(one, weights=count), np.bincount(other, weights=count)
    by_chance = across[one] * down[other] / n
    square = float(np.sum(count**2 / by_chance) / n) - 1
    square = max(0.0, square - (rows - 1) * (columns - 1) / (n - 1))
    least = min(size - (size - 1) ** 2 / (n - 1) for size in (rows, columns)) - 1
    return min(1.0, float(np.sqrt(square / least))) if least > 0 else None
