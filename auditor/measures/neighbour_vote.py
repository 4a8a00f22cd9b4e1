"""What the nearest neighbours of an item are labelled, by its embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._neighbours import nearest, unit_rows
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "for each labelled item with an embedding: how many of the nearest other items have its label, and which most have"
SOURCE = (
    "k-nearest-neighbour votes by cosine similarity: Cover and Hart, IEEE Trans. Inf. Theory 13, 1967; exact search, among a "
    "sample of 20,000 items where there are more"
)
KEY = ("model", "task", "item_id", "label")
READS = ("annotation.item_id", "annotation.task", "annotation.label", "embedding", "ontology.exclusive", "item.sha256", "item.text")
OPTIONAL = ("ontology", "item", "item.sha256", "item.text")
EMPTY = "no labelled item has an embedding"
NEIGHBOURS = 10
MOST = 20_000  # items: the search is exact, n^2 multiplications. Of more, those first by a hash of their id.
COLUMNS = {
    "model": Column("VARCHAR", "what made the vectors"),
    "task": Column("VARCHAR", "the question asked"),
    "item_id": Column("VARCHAR", "the item"),
    "label": Column("VARCHAR", "the label that most people gave it, of equals the first in the alphabet"),
    "annotation_id": Column("VARCHAR", "the first annotation that gives it"),
    "votes": Column("BIGINT", "annotations that give it"),
    "neighbours": Column("BIGINT", "labelled items among which the nearest were looked for, at most 10: the nearest"),
    "alike": Column("BIGINT", "of these, with this label"),
    "share": Column("DOUBLE", "alike over neighbours: low is suspicious", "0..1"),
    "suggested": Column("VARCHAR", "label that most of the neighbours have, of equals the nearest"),
    "suggested_share": Column("DOUBLE", "share that has it", "0..1"),
    "similarity": Column("DOUBLE", "mean cosine similarity of the neighbours", "-1..1"),
    "label_share": Column("DOUBLE", "mean of share over the items of this label: what is usual", "0..1"),
    "label_items": Column("BIGINT", "items of this label that have neighbours"),
}
_ITEMS = f"""
WITH told AS (
  SELECT a.task, a.item_id, a.label, count(*) AS votes, min(a.annotation_id) AS annotation_id
  FROM annotation AS a SEMI JOIN embedding AS e ON e.item_id = a.item_id AND e.model = $model
  WHERE a.type = 'class' AND a.source = 'human' AND a.label IS NOT NULL
    AND a.task NOT IN (SELECT task FROM ontology GROUP BY task HAVING NOT bool_and(exclusive))
  GROUP BY ALL
), main AS (
  SELECT * FROM told QUALIFY row_number() OVER (PARTITION BY task, item_id ORDER BY votes DESC, label) = 1
)
SELECT m.task, m.item_id, m.label, m.votes, m.annotation_id, hash(coalesce(i.sha256, i.text, m.item_id)) AS content, e.vector
FROM main AS m JOIN embedding AS e ON e.item_id = m.item_id AND e.model = $model LEFT JOIN item AS i ON i.item_id = m.item_id
WHERE m.task = $task AND len(e.vector) = $width
QUALIFY row_number() OVER (ORDER BY hash(m.item_id), m.item_id) <= {MOST}
ORDER BY m.item_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Let neighbours vote, for each model of embeddings and each task whose labels exclude each other.

    Items of equal content (digest or text) are no neighbours of each other: copies would vote for themselves.

    Args:
        inputs: the tables annotation, embedding, item, ontology.

    Returns:
        Arrow with `COLUMNS`: one row per model, task and labelled item.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    parts = []
    groups = con.sql(
        "SELECT e.model, a.task, mode(len(e.vector)) AS width FROM embedding AS e JOIN annotation AS a ON a.item_id = e.item_id "
        "WHERE a.type = 'class' AND a.source = 'human' AND a.label IS NOT NULL AND len(e.vector) > 0 GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for model, task, width in groups:
        rows = con.sql(_ITEMS, params={"model": model, "task": task, "width": width}).to_arrow_table()
        if rows.num_rows > 1:
            parts.append(_voted(inputs, model, rows, width))
    schema = pa.schema(
        [
            (name, {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}[spec.type])
            for name, spec in COLUMNS.items()
        ]
    )
    return pa.concat_tables([schema.empty_table(), *(part.select(list(COLUMNS)).cast(schema) for part in parts)])


def _voted(inputs: Inputs, model: str, rows: pa.Table, width: int) -> pa.Table:
    import pyarrow as pa

    flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    units, good = unit_rows(np.asarray(flat, np.float32).reshape(-1, width))
    rows, units = rows.filter(pa.array(good)).drop_columns(["vector"]), units[good]
    names = rows["label"].combine_chunks().dictionary_encode()
    label = np.asarray(names.indices.to_numpy(), np.int64)
    same = np.asarray(rows["content"].to_numpy())
    found, how = nearest(units, same, NEIGHBOURS, lambda done: inputs.progress("looking for neighbours", done, len(units)))
    told = vote(label, found, len(names.dictionary))
    some = told["neighbours"] > 0
    there = found >= 0
    similarity = np.where(there, how, 0).sum(axis=1, dtype=np.float64) / np.maximum(there.sum(axis=1), 1)
    number = np.bincount(label[some], minlength=len(names.dictionary))
    usual = np.bincount(label[some], told["share"][some], len(names.dictionary)) / np.maximum(number, 1)
    table = rows.drop_columns(["content"])
    added = {
        "model": pa.repeat(model, table.num_rows), "neighbours": told["neighbours"], "alike": told["alike"],
        "share": pa.array(told["share"]), "suggested": names.dictionary.take(pa.array(told["suggested"])),
        "suggested_share": told["suggested_share"], "similarity": np.round(similarity, 6), "label_share": usual[label],
        "label_items": number[label],
    }  # fmt: skip
    for name, values in added.items():
        table = table.append_column(name, pa.array(values) if isinstance(values, np.ndarray) else values)
    return table.filter(pa.array(some))


def vote(label: npt.NDArray[np.int64], found: npt.NDArray[Any], classes: int) -> dict[str, npt.NDArray[Any]]:
    """Count the labels of neighbours.

    Args:
        label: code of each item's label, shape (n,).
        found: the neighbours of each, nearest first, -1 for none, shape (n, k).
        classes: how many codes there are.

    Returns:
        neighbours, alike, share (0 where there are none), suggested (code) and suggested_share, each of shape (n,).

    >>> told = vote(np.array([0, 1, 1]), np.array([[1, 2], [2, 0], [1, -1]]), 2)
    >>> told["alike"].tolist(), told["suggested"].tolist(), told["suggested_share"].tolist()
    ([0, 1, 1], [1, 1, 1], [1.0, 0.5, 1.0])
    """
    rows, near = found.shape
    there = found >= 0
    of = np.where(there, label[np.maximum(found, 0)], classes)
    # Pairs of neighbours with one label: k is small, and classes may be many.
    counts = (of[:, :, None] == of[:, None, :]).sum(axis=2) * there if rows else np.zeros((0, near), np.int64)
    number = there.sum(axis=1)
    best = counts.argmax(axis=1) if near else np.zeros(rows, np.int64)
    row = np.arange(rows)
    alike = (of == label[:, None]).sum(axis=1)
    least = np.maximum(number, 1)
    suggested = np.minimum(of[row, best], classes - 1) if near else label
    return {
        "neighbours": number, "alike": alike, "share": alike / least, "suggested": suggested,
        "suggested_share": (counts[row, best] if near else number) / least,
    }  # fmt: skip
