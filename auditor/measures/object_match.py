"""Boxes, spans and segments of one annotator beside those of each other annotator of the item: which belongs to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MEANING = "each box, span and segment and each other annotator of its item: the counterpart that the other drew, or none"
SOURCE = (
    "intersection over union; one-to-one matching by the Hungarian method (Kuhn 1955; Jonker and Volgenant 1987): pairs with IoU "
    "of at least 1/2 first, then the largest sum of IoU, then equal labels"
)
KEY = ("item_id", "annotation_id", "other_annotator_id")
READS = (
    "annotation.item_id", "annotation.annotation_id", "annotation.task", "annotation.type", "annotation.source",
    "annotation.annotator_id", "annotation.label", "annotation.frame", "annotation.x", "annotation.y", "annotation.w",
    "annotation.h", "annotation.angle", "annotation.start_char", "annotation.end_char", "annotation.start_s", "annotation.end_s",
)  # fmt: skip
OPTIONAL = (
    "annotation.label", "annotation.frame", "annotation.x", "annotation.y", "annotation.w", "annotation.h", "annotation.angle",
    "annotation.start_char", "annotation.end_char", "annotation.start_s", "annotation.end_s",
)  # fmt: skip
ANY_OF = (("annotation.w", "annotation.end_char", "annotation.end_s"),)
EMPTY = "no item has boxes, spans or segments, and two annotators"
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the box, span or segment"),
    "other_annotator_id": Column("VARCHAR", "another person who answered this task on the item"),
    "kind": Column("VARCHAR", "box (upright; of polygons and masks where they state one) | span | segment"),
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "who drew it"),
    "label": Column("VARCHAR", "its label"),
    "other_annotation_id": Column("VARCHAR", "its counterpart; NULL where the other person has none", absent="nothing overlaps"),
    "other_label": Column("VARCHAR", "the counterpart's label"),
    "iou": Column("DOUBLE", "intersection over union with the counterpart; 0 without one", "0..1"),
    "nearest": Column("DOUBLE", "largest intersection over union with anything the other person drew", "0..1"),
}
_SHAPES = """
CREATE OR REPLACE TEMP TABLE shape AS
SELECT row_number() OVER (ORDER BY item_id, annotation_id) - 1 AS n, * FROM (
  SELECT item_id, annotation_id, task, annotator_id, label, frame, if(type IN ('span', 'segment'), type, 'box') AS kind,
         CASE type WHEN 'span' THEN start_char WHEN 'segment' THEN start_s ELSE x END AS x0,
         CASE type WHEN 'span' THEN end_char WHEN 'segment' THEN end_s ELSE x + w END AS x1,
         if(type IN ('span', 'segment'), 0, y) AS y0, if(type IN ('span', 'segment'), 1, y + h) AS y1
  FROM annotation
  WHERE source = 'human' AND annotator_id IS NOT NULL AND coalesce(angle, 0) = 0
    AND type IN ('box', 'polygon', 'mask', 'span', 'segment')
) WHERE x1 > x0 AND y1 > y0 AND isfinite(x0) AND isfinite(x1) AND isfinite(y0) AND isfinite(y1)
"""
_NEAR = """
SELECT a.n AS a, b.n AS b, CAST(a.label IS NOT DISTINCT FROM b.label AS INTEGER) AS same,
       (least(a.x1, b.x1) - greatest(a.x0, b.x0)) * (least(a.y1, b.y1) - greatest(a.y0, b.y0)) AS shared,
       (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) AS areas,
       hash(a.item_id, a.annotator_id, b.annotator_id) AS pair
FROM shape AS a JOIN shape AS b
  ON a.item_id = b.item_id AND a.task = b.task AND a.kind = b.kind AND a.frame IS NOT DISTINCT FROM b.frame
 AND a.annotator_id < b.annotator_id AND a.x0 < b.x1 AND b.x0 < a.x1 AND a.y0 < b.y1 AND b.y0 < a.y1
ORDER BY a.n, b.n
"""
_ROWS = """
WITH person AS (
  SELECT DISTINCT item_id, task, annotator_id FROM annotation WHERE source = 'human' AND annotator_id IS NOT NULL
), meets AS (
  SELECT a AS n, b AS m, iou, matched FROM close UNION ALL SELECT b, a, iou, matched FROM close
), best AS (
  SELECT meets.n, o.annotator_id AS other, max(iou) AS nearest, max(iou) FILTER (matched) AS iou, max(m) FILTER (matched) AS m
  FROM meets JOIN shape AS o ON o.n = meets.m GROUP BY meets.n, o.annotator_id
)
SELECT s.item_id, s.annotation_id, p.annotator_id AS other_annotator_id, s.kind, s.task, s.annotator_id, s.label,
       o.annotation_id AS other_annotation_id, o.label AS other_label, coalesce(best.iou, 0) AS iou,
       coalesce(best.nearest, 0) AS nearest
FROM shape AS s JOIN person AS p ON p.item_id = s.item_id AND p.task = s.task AND p.annotator_id <> s.annotator_id
LEFT JOIN best ON best.n = s.n AND best.other = p.annotator_id
LEFT JOIN shape AS o ON o.n = best.m
"""


def compute(inputs: Inputs) -> pa.Table:
    """Match the objects of every two annotators of an item.

    A person with any annotation of this task on the item (a row without a place says "looked, found none") is taken to have looked
    for objects; who has none there is not compared, since nobody can tell whether they saw the item.

    Args:
        inputs: the table annotation.

    Returns:
        Arrow with `COLUMNS`, one row for each object and other annotator of its item.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    con.execute(_SHAPES)
    near = con.sql(_NEAR).fetchnumpy()
    a, b, same = (np.asarray(near[name], np.int64) for name in ("a", "b", "same"))
    shared, areas = (np.asarray(near[name], np.float64) for name in ("shared", "areas"))
    iou = np.minimum(shared / (areas - shared), 1.0)
    pair = np.unique(near["pair"], return_inverse=True)[1].astype(np.int64)
    matched = match(a, b, pair, iou, same)
    con.register("close", pa.table({"a": a, "b": b, "iou": iou, "matched": matched}))
    return con.sql(_ROWS).to_arrow_table()


def match(a: Ints, b: Ints, pair: Ints, iou: Floats, same: Ints) -> npt.NDArray[np.bool_]:
    """One-to-one matching of the objects of each pair of annotators.

    Args:
        a: objects of the first, shape (k,).
        b: objects of the second that overlap with these, shape (k,).
        pair: which pair of annotators and item, shape (k,).
        iou: intersection over union, shape (k,).
        same: 1 where the labels are equal, shape (k,).

    Returns:
        Which of the k overlaps are matches, shape (k,).

    >>> one, two = np.array([0, 0, 1]), np.array([5, 6, 5])
    >>> match(one, two, np.zeros(3, np.int64), np.array([0.9, 0.6, 0.7]), np.ones(3, np.int64)).tolist()
    [False, True, True]
    """
    from scipy import optimize, sparse

    matched = np.zeros(len(a), np.bool_)
    if not len(a):
        return matched
    # A pair with half of the union in common outweighs what it may push aside, two pairs with less; labels decide between equals.
    gain = iou + (iou >= 0.5) * 4.0 + same * 1e-6
    left = np.unique(np.stack([pair, a]), axis=1, return_inverse=True)[1].ravel()
    right = np.unique(np.stack([pair, b]), axis=1, return_inverse=True)[1].ravel() + left.max() + 1
    nodes = int(right.max()) + 1
    part = sparse.csgraph.connected_components(sparse.coo_array((np.ones(len(a)), (left, right)), (nodes, nodes)), directed=False)[
        1
    ]
    of = part[left]
    by = np.argsort(of, kind="stable")
    head = np.flatnonzero(np.diff(of[by], prepend=-1))
    size = np.diff(head, append=len(by))
    matched[by[head[size == 1]]] = True
    for begin, many in zip(head[size > 1], size[size > 1], strict=True):
        edge = by[begin : begin + many]
        rows, row = np.unique(left[edge], return_inverse=True)
        columns, column = np.unique(right[edge], return_inverse=True)
        table = np.zeros((len(rows), len(columns)))
        table[row, column] = gain[edge]
        chosen = np.zeros(table.shape, np.bool_)
        chosen[optimize.linear_sum_assignment(table, maximize=True)] = True
        matched[edge] = chosen[row, column]
    return matched
