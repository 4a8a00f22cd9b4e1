"""Pairs of boxes that one annotator drew over each other."""

from auditor.tables import Column

MEANING = (
    "pairs of upright boxes, of polygons, masks and keypoints too, of one item, frame, task, source and annotator that overlap by "
    "half or more"
)
SOURCE = "intersection over union: Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 88(2) 2010, section 4.2"
KEY = ("item_id", "annotation_a", "annotation_b")
SPARSE = True
OPTIONAL = ("annotation.annotator_id", "annotation.label", "annotation.frame", "annotation.angle")
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "annotation_a": Column("VARCHAR", "one box; its id sorts before the other's"),
    "annotation_b": Column("VARCHAR", "the other box; of a heap of boxes, at most 20 for one box"),
    "task": Column("VARCHAR", "the question asked"),
    "source": Column("VARCHAR", "human | model | rule | synthetic | gold"),
    "annotator_id": Column("VARCHAR", "who drew both; NULL counts as one annotator"),
    "label_a": Column("VARCHAR", "the first box's label"),
    "label_b": Column("VARCHAR", "the other box's label"),
    "iou": Column("DOUBLE", "intersection over union of the boxes", "0.5..1"),
    "iom": Column("DOUBLE", "intersection over the smaller box", "0.5..1"),
}
# Boxes of one group (item, frame, task, source, annotator) meet in a join over a 64-bit code of the group. In groups of more than
# DENSE boxes a grid keeps the join from being quadratic. IoU >= 1/2 implies that widths differ by a factor of 2 at most and that
# centres are apart by a third of the larger width at most: so on a grid whose cells are as wide as the power of 2 below the larger
# width, the two boxes lie in the same column or in neighbouring ones, and their own powers (`level`) differ by 1 at most.
DENSE = 64
# A box that meets more of its own annotator's boxes lies in a heap (a thousand copies of one box are half a million pairs): the
# heap shows by as many, and only so many are kept for one box.
MOST = 20
# Only numbers pass through the join; ids and labels are looked up for the few pairs that remain.
_BOX = "w > 0 AND h > 0 AND isfinite(abs(x) + abs(y) + w + h + w * h) AND coalesce(angle, 0) = 0"
# IoU >= 1/2 is the same as 3 x shared area >= sum of areas; a little less here, since the last word is exact and at the end.
_NEAR = """q.x < p.x + p.w AND p.x < q.x + q.w AND q.y < p.y + p.h AND p.y < q.y + q.h
    AND 3 * (least(p.x + p.w, q.x + q.w) - greatest(p.x, q.x)) * (least(p.y + p.h, q.y + q.h) - greatest(p.y, q.y))
      >= 0.99 * (p.w * p.h + q.w * q.h)"""
SQL = f"""
WITH box AS MATERIALIZED (
  SELECT hash(annotation_id) AS n, hash(item_id, frame, task, source, annotator_id) AS code, x, y, w, h
  FROM annotation WHERE {_BOX}
), dense AS MATERIALIZED (
  SELECT code FROM box GROUP BY code HAVING count(*) > {DENSE}
), sparse AS (
  SELECT * FROM box ANTI JOIN dense USING (code)
), grid AS MATERIALIZED (
  SELECT *, floor((x + w / 2) / pow(2.0, level)) AS cell, floor((x + w / 2) / pow(2.0, level + 1)) AS wide
  FROM (SELECT *, floor(log2(w)) AS level FROM box SEMI JOIN dense USING (code))
), spot AS (
  SELECT *, level AS at, unnest([cell, cell + 1]) AS place FROM grid
  UNION ALL
  SELECT *, level + 1 AS at, unnest([wide - 1, wide, wide + 1]) AS place FROM grid
), close AS (
  SELECT p.n AS p, q.n AS q
  FROM sparse AS p JOIN box AS q ON p.code = q.code AND p.n < q.n
    AND {_NEAR}
  UNION ALL
  SELECT p.n, q.n
  FROM grid AS p JOIN spot AS q ON p.code = q.code AND p.level = q.at AND p.cell = q.place
    AND (p.level <> q.level OR p.cell <> q.cell OR p.n < q.n)
    AND {_NEAR}
), near AS (
  SELECT p, unnest(min(q, {MOST})) AS q FROM close GROUP BY p
), named AS MATERIALIZED (
  SELECT hash(annotation_id) AS n, * FROM annotation
  WHERE {_BOX} AND hash(annotation_id) IN (SELECT p FROM near UNION ALL SELECT q FROM near)
), pair AS (
  SELECT a.*, c.annotation_id AS other, c.label AS other_label, a.w * a.h + c.w * c.h AS areas,
         least(a.w * a.h, c.w * c.h) AS smaller,
         (least(a.x + a.w, c.x + c.w) - greatest(a.x, c.x)) * (least(a.y + a.h, c.y + c.h) - greatest(a.y, c.y)) AS shared
  FROM near JOIN named AS a ON a.n = p JOIN named AS c ON c.n = q
  WHERE a.item_id = c.item_id AND a.task = c.task AND a.source = c.source
    AND a.annotator_id IS NOT DISTINCT FROM c.annotator_id AND a.frame IS NOT DISTINCT FROM c.frame
)
SELECT item_id, least(annotation_id, other) AS annotation_a, greatest(annotation_id, other) AS annotation_b,
       task, source, annotator_id,
       if(annotation_id < other, label, other_label) AS label_a, if(annotation_id < other, other_label, label) AS label_b,
       least(shared / (areas - shared), 1.0) AS iou, least(shared / smaller, 1.0) AS iom
FROM pair
WHERE shared >= 0.5 * (areas - shared)
"""
