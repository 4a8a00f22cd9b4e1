"""How far the labels of a split differ from those of the other splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "distribution of labels in each split against the other splits, per task and source"
SOURCE = (
    "Pearson's chi-squared test; Cramer, Mathematical Methods of Statistics, 1946, section 21.9; "
    "clusters: counts are scaled to the number of items, after Rao and Scott, Annals of Statistics 12, 1984"
)
KEY = ("task", "source", "split")
EMPTY = "no task has labels in two splits"
READS = ("class_balance", "item.split")
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "source": Column("VARCHAR", "human | model | rule | synthetic | gold"),
    "split": Column("VARCHAR", "the split"),
    "annotations": Column("BIGINT", "its annotations"),
    "items": Column("BIGINT", "its items with a label, at least; the n of the test is made of these"),
    "labels": Column("BIGINT", "labels that occur in any split"),
    "chi2": Column("DOUBLE", "of this split against all others, for counts scaled to items"),
    "p": Column("DOUBLE", "probability of as large a chi2, were the distributions equal", "0..1"),
    "cramers_v": Column("DOUBLE", "effect size: 0.1 is small, 0.3 medium, 0.5 large", "0..1"),
    "label": Column("VARCHAR", "the label whose share differs most"),
    "share": Column("DOUBLE", "its share in this split", "0..1"),
    "rest_share": Column("DOUBLE", "its share in the others", "0..1"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Compare each split with all the others.

    Args:
        inputs: the measure class_balance.

    Returns:
        Arrow with `COLUMNS`; a split that stands alone has no row.
    """
    import pyarrow as pa
    from scipy import special

    found = inputs.con.sql(
        "SELECT task, source, split, label, annotations, items FROM class_balance WHERE split <> '' "
        "ORDER BY task, source, split, label"
    ).fetchnumpy()
    group: dict[tuple[str, str], list[int]] = {}
    for place, key in enumerate(zip(found["task"], found["source"], strict=True)):
        group.setdefault(key, []).append(place)
    rows: list[tuple[object, ...]] = []
    for (task, source), places in group.items():
        splits, row = np.unique(found["split"][places].astype(str), return_inverse=True)
        labels, column = np.unique(found["label"][places].astype(str), return_inverse=True)
        if len(splits) < 2:
            continue
        counts, items = np.zeros((2, len(splits), len(labels)))
        counts[row, column] = found["annotations"][places]
        items[row, column] = found["items"][places]
        for index, split in enumerate(splits):
            observed = np.stack([counts[index], counts.sum(axis=0) - counts[index]])
            # An item holds at least as many annotations as it counts for: scaling leaves no more cases than items.
            cases = np.array([items[index].max(), (items.sum(axis=0) - items[index]).max()])
            if len(labels) > 1:
                own = np.array([items[index].sum(), items.sum() - items[index].sum()])
                cases = np.minimum(own, observed.sum(axis=1))
            chi2, v = _chi2(observed * (cases / observed.sum(axis=1))[:, None])
            share = observed / observed.sum(axis=1, keepdims=True)
            most = int(np.argmax(np.abs(share[0] - share[1])))
            p = float(special.chdtrc(len(labels) - 1, chi2)) if len(labels) > 1 else None
            rows.append((
                task, source, str(split), int(counts[index].sum()), int(cases[0]), len(labels), chi2, p, v,
                str(labels[most]), float(share[0, most]), float(share[1, most]),
            ))  # fmt: skip
    kinds = [*[pa.string()] * 3, *[pa.int64()] * 3, *[pa.float64()] * 3, pa.string(), *[pa.float64()] * 2]
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table({name: pa.array(values, kind) for name, values, kind in zip(COLUMNS, columns, kinds, strict=True)})


def _chi2(observed: np.ndarray) -> tuple[float, float]:
    """Pearson's chi-squared of a 2 x k table and Cramer's V.

    >>> [round(number, 6) for number in _chi2(np.array([[10.0, 20.0], [20.0, 10.0]]))]
    [6.666667, 0.333333]
    """
    total = observed.sum()
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0, keepdims=True) / total
    chi2 = float(((observed - expected) ** 2 / expected).sum())
    return chi2, float(np.sqrt(chi2 / total))
