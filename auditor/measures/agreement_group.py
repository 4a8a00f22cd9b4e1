"""How well people of a group agree among themselves, and with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._answers import grouped
from auditor.measures._cross import gaps, reliabilities
from auditor.measures._distance import midranks
from auditor.measures._stats import benjamini_hochberg
from auditor.measures.agreement import MIN_ITEMS
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = (
    "agreement within each group of annotators and across groups (cross-replication reliability), by attribute of the annotator"
)
SOURCE = (
    "Wong, Paritosh, Aroyo, Cross-replication Reliability, ACL 2021; Krippendorff, Content Analysis, 2018, chapter 12; interval: "
    "bootstrap of items; p: groups drawn by lot among the people, energy distance (Szekely and Rizzo, J. Statistical Planning and "
    "Inference 143, 2013); Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "key", "value")
EMPTY = "no attribute of annotators makes two groups that voted"
READS = ("vote", "item_vote", "vote_pattern", "vote_code", "vote_task", "annotator.attributes", "ontology")
OPTIONAL = ("ontology",)
_ALONE = "no group and its rest have two people each who voted on the same items"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "key": Column("VARCHAR", "name of the attribute"),
    "value": Column("VARCHAR", "its value, which makes the group"),
    "metric": Column(
        "VARCHAR", "nominal; ordinal of numbers and of labels with a declared order, by the ranks among all votes of the task"
    ),
    "clusters": Column("BIGINT", "annotators in the group"),
    "rest_clusters": Column("BIGINT", "annotators with another value"),
    "items": Column("BIGINT", "items that somebody of the group and somebody else voted on"),
    "within": Column("DOUBLE", "Krippendorff's alpha of the group", "-1..1"),
    "within_low": Column("DOUBLE", "lower end of its 95 % interval over items; NULL for fewer than 10 items"),
    "within_high": Column("DOUBLE", "upper end"),
    "rest": Column("DOUBLE", "alpha of the others", "-1..1"),
    "rest_low": Column("DOUBLE", "lower end of its interval"),
    "rest_high": Column("DOUBLE", "upper end"),
    "cross": Column("DOUBLE", "agreement beyond chance of one of the group with one of the others", "-1..1", absent=_ALONE),
    "cross_low": Column("DOUBLE", "lower end of its interval", absent=_ALONE),
    "cross_high": Column("DOUBLE", "upper end", absent=_ALONE),
    "xrr": Column(
        "DOUBLE", "cross over the root of within * rest; 1: the groups are as one. NULL where within or rest is not positive"
    ),
    "xrr_low": Column("DOUBLE", "lower end of its interval"),
    "xrr_high": Column("DOUBLE", "upper end"),
    "gap": Column(
        "DOUBLE",
        "mean disagreement of votes across the groups less that within them: a share of pairs, or squared ranks of 0..1",
        absent=_ALONE,
    ),
    "p": Column("DOUBLE", "share of groups drawn by lot among the people whose gap is as large", "0..1", absent=_ALONE),
    "q": Column("DOUBLE", "corrected over the groups of the task", "0..1", absent=_ALONE),
}


def compute(inputs: Inputs) -> pa.Table:
    """Compare the groups of every attribute that has at most 50 values.

    Args:
        inputs: the table annotator, the measures vote, item_vote, vote_pattern, vote_code, vote_task and the ontology.

    Returns:
        Arrow with `COLUMNS`. Intervals are over items, the people being given; p is over people: only p says whether other people
        of the group would differ as well.
    """
    import pyarrow as pa

    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    tested: dict[str, list[int]] = {}
    for one in grouped(inputs.con):
        inputs.progress("comparing groups", len(columns["p"]), None)
        patterns, place = one.read.patterns, None
        if patterns.values is not None:
            ranks = midranks(np.asarray(patterns.counts.T @ patterns.items, np.float64))
            place = ranks / (np.ptp(ranks) or 1.0)
        people = one.people
        answered = one.answers()
        gap, p = gaps(one.votes, len(one.values), place, inputs.seed)
        for group, found in enumerate(reliabilities(answered, place, inputs.seed)):
            few = found.items < MIN_ITEMS
            row = {
                "task": one.task.name, "key": one.key, "value": one.values[group],
                "metric": "nominal" if place is None else "ordinal",
                "clusters": int(people[group]), "rest_clusters": int(people.sum() - people[group]), "items": found.items,
                "gap": gap[group], "p": p[group], "q": np.nan,
            }  # fmt: skip
            for name in ("within", "rest", "cross", "xrr"):
                value, low, high = getattr(found, name)
                row |= {name: value, f"{name}_low": np.nan if few else low, f"{name}_high": np.nan if few else high}
            tested.setdefault(one.task.name, []).append(len(columns["p"]))
            for name in COLUMNS:
                columns[name].append(row[name])
    p, q = np.array(columns["p"], dtype=np.float64), np.full(len(columns["p"]), np.nan)
    for places in tested.values():
        q[places] = benjamini_hochberg(p[places])
    columns["q"] = q.tolist()
    text, whole = {"task", "key", "value", "metric"}, {"clusters", "rest_clusters", "items"}
    return pa.table({
        name: pa.array(values, pa.string() if name in text else pa.int64() if name in whole else pa.float64(), from_pandas=True)
        for name, values in columns.items()
    })  # fmt: skip
