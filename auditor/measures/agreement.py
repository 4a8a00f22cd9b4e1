"""How well people agree, per task, beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._alpha import Coefficient, Patterns, agreement
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "agreement of the votes of each task with 95 % intervals"
SOURCE = (
    "Krippendorff, Content Analysis, 4th edition 2018, chapter 12; Fleiss, Psychological Bulletin 76, 1971, with pairs within "
    "items of unequal numbers; interval: bootstrap of items (Efron and Tibshirani 1993, chapter 13)"
)
KEY = ("task", "metric")
# Resampling a handful of items draws the same few again and again: on two items the interval ended at the coefficient itself.
MIN_ITEMS = 10
READS = ("vote_pattern", "vote_task", "vote_code", "ontology")
OPTIONAL = ("ontology",)
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "metric": Column("VARCHAR", "percent | fleiss_kappa | alpha_nominal | alpha_ordinal | alpha_interval"),
    "value": Column("DOUBLE", "1 is perfect, 0 is chance (percent: share of pairs that agree); NULL with a reason", "-1..1"),
    "low": Column("DOUBLE", "lower end of the 95 % interval; NULL for fewer than 10 items"),
    "high": Column("DOUBLE", "upper end of the 95 % interval"),
    "items": Column("BIGINT", "items with at least two votes: the n of the coefficient"),
    "items_any": Column("BIGINT", "items with at least one vote"),
    "votes": Column("BIGINT", "votes on the items with at least two"),
    "annotators": Column("BIGINT", "known people who answered the task"),
    "reason": Column("VARCHAR", "why value or interval is NULL"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Every coefficient that the task's answers allow: ordinal and interval for numbers, ordinal for labels with a declared order.

    Args:
        inputs: the measures vote_pattern, vote_task, vote_code and the table ontology.

    Returns:
        Arrow with `COLUMNS`. A missing answer is no category; items with one vote are left out.
    """
    import pyarrow as pa

    con = inputs.con
    rows: list[tuple[object, ...]] = []
    query = (
        "SELECT task_code, task, numeric, annotators FROM vote_task WHERE (exclusive OR numeric) AND votes > 0 ORDER BY task_code"
    )
    for code, task, numeric, annotators in con.sql(query).fetchall():
        found = con.execute(
            "SELECT p.pattern, p.label, p.votes, p.items, coalesce(c.value, o.ordinal) AS value FROM vote_pattern AS p "
            "JOIN vote_code AS c ON c.kind = 'label' AND c.code = p.label "
            "LEFT JOIN ontology AS o ON o.task = $task AND o.label = c.text "
            "WHERE p.task_code = $code ORDER BY p.pattern, p.label",
            {"code": code, "task": task},
        ).fetchnumpy()
        patterns, items_any = patterns_of(found)
        items = int(patterns.items.sum())
        votes = int(patterns.items @ patterns.counts.sum(axis=1)) if items else 0
        metrics = ["percent", *([] if numeric else ["fleiss_kappa", "alpha_nominal"])]
        if patterns.values is not None:
            metrics += ["alpha_ordinal", *(["alpha_interval"] if numeric else [])]
        for metric in metrics:
            got = agreement(metric, patterns, inputs.seed)
            if got.value is not None and items < MIN_ITEMS:
                got = Coefficient(got.value, reason=f"no interval from fewer than {MIN_ITEMS} items with two votes")
            rows.append((task, metric, got.value, got.low, got.high, items, items_any, votes, annotators, got.reason))
    kinds = [pa.string(), pa.string(), *[pa.float64()] * 3, *[pa.int64()] * 4, pa.string()]
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table({name: pa.array(values, kind) for name, values, kind in zip(COLUMNS, columns, kinds, strict=True)})


def patterns_of(found: dict[str, np.ndarray]) -> tuple[Patterns, int]:
    """Rows (pattern, label, votes, items, value) as `Patterns` of the items with at least two votes, and the number of all items.

    Labels are ordered by value where each has one.
    """
    from scipy import sparse

    label, number = np.unique(np.asarray(found["label"]), return_inverse=True)
    masked = np.ma.asarray(found["value"], dtype=np.float64).filled(np.nan)
    values = np.full(len(label), np.nan)
    values[number] = masked
    ordered = len(label) > 0 and not np.isnan(values).any()
    if ordered:  # equal numbers (labels of one rank) are one point of the scale
        points, place = np.unique(values, return_inverse=True)
        if len(points) == len(label):
            number = place[number]
            values = points
        else:
            ordered = False
    _, first, row = np.unique(np.asarray(found["pattern"]), return_index=True, return_inverse=True)
    items = np.asarray(found["items"], dtype=np.int64)[first]
    shape = (len(first), len(label))
    counts = sparse.csr_array((np.asarray(found["votes"], dtype=np.float64), (row, number)), shape=shape)
    several = np.asarray(counts.sum(axis=1)).ravel() > 1
    return Patterns(counts[several], items[several], values if ordered else None), int(items.sum())
