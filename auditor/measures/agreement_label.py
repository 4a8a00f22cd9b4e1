"""How well people agree on each label: which label is unclear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _pattern
from auditor.measures._labels import STATISTICS, by_label
from auditor.measures.agreement import MIN_ITEMS
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "agreement on each label against all others of its task, with 95 % intervals"
SOURCE = (
    "specific agreement: Cicchetti and Feinstein, J. Clinical Epidemiology 43, 1990, over pairs of votes; alpha: Krippendorff, "
    "Content Analysis, 2018, section 12.3; kappa: Fleiss, Psychological Bulletin 76, 1971, section 4; interval: bootstrap of items"
)
KEY = ("task", "label")
EMPTY = "no task has named labels that exclude each other"
READS = ("vote_pattern", "vote_task", "vote_code", "ontology")
OPTIONAL = ("ontology",)
_FEW = "no item has two votes"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "label": Column("VARCHAR", "the class"),
    "items": Column("BIGINT", "items with at least two votes of which one is for the label: the n of the figures"),
    "votes": Column("BIGINT", "votes for the label on items with at least two votes"),
    "prevalence": Column("DOUBLE", "their share of all such votes", "0..1"),
    "specific": Column(
        "DOUBLE", "given a vote for the label, share of the item's other votes that give it too", "0..1", absent=_FEW
    ),
    "specific_low": Column("DOUBLE", "lower end of its 95 % interval; NULL for fewer than 10 items", "0..1", absent=_FEW),
    "specific_high": Column("DOUBLE", "upper end", "0..1", absent=_FEW),
    "others": Column("DOUBLE", "median specific agreement of the task's other labels with an interval", "0..1"),
    "alpha": Column("DOUBLE", "Krippendorff's alpha of the label against the rest", "-1..1", absent=_FEW),
    "alpha_low": Column("DOUBLE", "lower end of its 95 % interval"),
    "alpha_high": Column("DOUBLE", "upper end"),
    "kappa": Column("DOUBLE", "Fleiss' kappa of the label against the rest", "-1..1", absent=_FEW),
    "kappa_low": Column("DOUBLE", "lower end of its 95 % interval"),
    "kappa_high": Column("DOUBLE", "upper end"),
    "third": Column("DOUBLE", "share of third votes that give the label where two others do; NULL where no item has three", "0..1"),
    "third_low": Column("DOUBLE", "lower end of its 95 % interval"),
    "third_high": Column("DOUBLE", "upper end"),
    "confused": Column("VARCHAR", "the label that is given most often where another person gives this one; NULL where all agree"),
    "confused_share": Column("DOUBLE", "its share of the pairs of votes with this label that differ", "0..1"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Judge every label that was given in a task with named labels that exclude each other.

    Args:
        inputs: the measures vote_pattern, vote_task, vote_code and the table ontology.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa

    con = inputs.con
    names = dict(con.sql("SELECT code, text FROM vote_code WHERE kind = 'label' AND value IS NULL").fetchall())
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for task in _pattern.tasks(con):
        if task.numeric:
            continue
        read = _pattern.read(con, task)
        found = by_label(read.patterns, inputs.seed)
        few = found["items"] < MIN_ITEMS
        for name in STATISTICS:
            for end in ("_low", "_high"):
                found[f"{name}{end}"] = np.where(few, np.nan, found[f"{name}{end}"])
        other, share = confused(read)
        shown = np.flatnonzero(np.nan_to_num(found["votes"]) > 0)
        columns["task"] += [task.name] * len(shown)
        columns["label"] += [names[int(read.label[at])] for at in shown]
        columns["others"] += others(found["specific"], found["specific_low"])[shown].tolist()
        columns["confused"] += [names[int(read.label[at])] if at >= 0 else None for at in other[shown]]
        columns["confused_share"] += share[shown].tolist()
        for name in ("items", "votes"):
            columns[name] += found[name][shown].astype(np.int64).tolist()
        for name in ("prevalence", *(f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high"))):
            columns[name] += found[name][shown].tolist()
    text, whole = {"task", "label", "confused"}, {"items", "votes"}
    return pa.table({
        name: pa.array(values, pa.string() if name in text else pa.int64() if name in whole else pa.float64(), from_pandas=True)
        for name, values in columns.items()
    })  # fmt: skip


def others(specific: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Median of the other labels that have an interval, for each label; NaN where there is none.

    >>> others(np.array([0.2, 0.8, 0.9, 0.1]), np.array([0.1, 0.7, 0.8, np.nan])).round(2).tolist()
    [0.85, 0.55, 0.5, 0.8]
    """
    known = np.flatnonzero(~np.isnan(low))
    ordered = np.sort(specific[known])
    middle = np.full(len(specific), np.nan)
    if not len(ordered):
        return middle
    # Without itself a label leaves a sorted list of one less: its median is read off without forming it.
    rank = np.full(len(specific), len(ordered))
    rank[known] = np.argsort(np.argsort(specific[known], kind="stable"), kind="stable")
    left = np.where(np.isin(np.arange(len(specific)), known), len(ordered) - 1, len(ordered))
    some = left > 0
    for half in (0, 1):
        place = np.where(some, (left - 1 + half) // 2, 0)
        found = ordered[np.minimum(place + (place >= rank), len(ordered) - 1)]
        middle = np.where(some, found / 2 if half == 0 else middle + found / 2, np.nan)
    return middle


def confused(read: _pattern.Read) -> tuple[np.ndarray, np.ndarray]:
    """The column that each label is confused with most, -1 where with none, and its share of the pairs that differ."""
    counts = read.patterns.counts
    pairs = (counts.T @ counts.multiply(read.patterns.items[:, None]).tocsr()).tocoo()
    row, column = pairs.coords
    apart = row != column
    row, column, many = row[apart], column[apart], pairs.data[apart]
    by = np.lexsort((column, -many, row))
    row, column, many = row[by], column[by], many[by]
    labels = counts.shape[1]
    first = np.flatnonzero(np.diff(row, prepend=-1))
    most, share = np.full(labels, -1), np.full(labels, np.nan)
    most[row[first]] = column[first]
    share[row[first]] = many[first] / np.bincount(row, weights=many, minlength=labels)[row[first]]
    return most, share
