"""Whether groups of annotators label the same items differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._answers import grouped
from auditor.measures._dif import ETS, ets_class, functioning
from auditor.measures._stats import benjamini_hochberg
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "odds of each label in a group of annotators against the others on the same items (differential item functioning)"
SOURCE = (
    "Mantel and Haenszel, JNCI 22, 1959; Holland and Thayer, in Wainer and Braun, Test Validity, 1988, each item a stratum; "
    "classes: Zwick and Ercikan, J. Educational Measurement 26, 1989; error clustered by annotator: Liang, Biometrics 41, 1985; "
    "the group drawn by lot: Mielke and Berry, Permutation Methods, 2007, chapter 2; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "key", "value", "label")
EMPTY = "no attribute of annotators makes two groups that voted"
READS = ("vote", "item_vote", "vote_pattern", "vote_code", "vote_task", "annotator.attributes", "ontology")
OPTIONAL = ("ontology",)
# Numbers with more different values are measurements: whether one of them was given is no question.
MOST_POINTS = 20
_ALONE = "no two groups of two people each voted on the same items"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "key": Column("VARCHAR", "name of the attribute"),
    "value": Column("VARCHAR", "its value, which makes the group"),
    "label": Column("VARCHAR", "the class, or the number of a scale of at most 20 points"),
    "clusters": Column("BIGINT", "annotators of the group with votes on the items compared"),
    "rest_clusters": Column("BIGINT", "annotators with another value, the same"),
    "items": Column("BIGINT", "items compared: those on which somebody of the group and somebody else voted"),
    "n": Column("BIGINT", "votes of the group on these"),
    "rest_n": Column("BIGINT", "votes of the others on these"),
    "rate": Column("DOUBLE", "share of the group's votes that give the label", "0..1", absent=_ALONE),
    "rest": Column("DOUBLE", "the same share of the others' votes", "0..1", absent=_ALONE),
    "odds_ratio": Column(
        "DOUBLE", "common odds ratio over the items; above 1 the group gives the label more often", "0..", absent=_ALONE
    ),
    "low": Column("DOUBLE", "lower end of its 95 % interval, clustered by annotator", "0..", absent=_ALONE),
    "high": Column("DOUBLE", "upper end", "0..", absent=_ALONE),
    "delta": Column("DOUBLE", "ETS delta, -2.35 times the log of the odds ratio", absent=_ALONE),
    "class": Column(
        "VARCHAR", "A negligible | B moderate | C large: below 1 or not significant; between; from 1.5 and significantly above 1"
    ),
    "p": Column("DOUBLE", "two-sided p value, the larger of the interval's t and of the group drawn by lot", "0..1", absent=_ALONE),
    "q": Column("DOUBLE", "corrected over the groups and labels of the task", "0..1", absent=_ALONE),
}


def compute(inputs: Inputs) -> pa.Table:
    """Compare the groups of every attribute that has at most 50 values, on every label and point of a scale.

    Args:
        inputs: the table annotator, the measures vote, item_vote, vote_pattern, vote_code, vote_task and the ontology.

    Returns:
        Arrow with `COLUMNS`; labels that nobody with the attribute gave have no row.
    """
    import pyarrow as pa

    con = inputs.con
    names = con.sql("SELECT text FROM vote_code WHERE kind = 'label' ORDER BY code").fetchnumpy()["text"].astype(object)
    tables: list[pa.Table] = []
    for one in grouped(con):
        if one.task.numeric and len(one.read.label) > MOST_POINTS:
            continue
        inputs.progress("comparing groups item by item", len(tables), None)
        answered = one.answers()
        found = functioning(answered)
        given = np.flatnonzero(np.asarray(answered.all().sum(axis=0)).ravel() > 0)
        groups = np.flatnonzero(one.people)
        rows = np.ix_(groups, given)
        size = len(groups) * len(given)
        values = {name: array[rows].ravel() for name, array in found.items()}
        with np.errstate(invalid="ignore", divide="ignore"):
            delta, low, high = (ETS * np.log(values[name]) for name in ("odds_ratio", "high", "low"))
        delta = np.where(np.isfinite(delta), delta, np.nan)
        kinds = ets_class(delta, low, high)
        numbers = {
            "rate": values["rate"], "rest": values["rest_rate"], "odds_ratio": values["odds_ratio"], "low": values["low"],
            "high": values["high"], "delta": delta, "p": values["p"],
        }  # fmt: skip
        counts = {"clusters": "people", "rest_clusters": "rest_people", "items": "items", "n": "n", "rest_n": "rest_n"}
        tables.append(pa.table({
            "task": pa.array([one.task.name] * size, pa.string()), "key": pa.array([one.key] * size, pa.string()),
            "value": pa.array(np.repeat(np.array(one.values, dtype=object)[groups], len(given)), pa.string()),
            "label": pa.array(np.tile(names[one.read.label[given]], len(groups)), pa.string()),
            **{name: pa.array(np.nan_to_num(values[source]).astype(np.int64)) for name, source in counts.items()},
            **{name: pa.array(array, pa.float64(), from_pandas=True) for name, array in numbers.items()},
            "class": pa.array(kinds.astype(object), pa.string(), mask=np.isnan(delta) | np.isnan(low)),
        }))  # fmt: skip
    if not tables:
        return pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    whole = pa.concat_tables(tables)
    p, q = np.asarray(whole["p"].to_numpy(), np.float64), np.full(whole.num_rows, np.nan)
    tasks = whole["task"].combine_chunks().dictionary_encode().indices.to_numpy()
    for task in np.unique(tasks):
        q[tasks == task] = benjamini_hochberg(p[tasks == task])
    return whole.append_column("q", pa.array(q, from_pandas=True)).select(list(COLUMNS))
