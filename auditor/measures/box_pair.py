"""Pairs of boxes that one annotator drew over each other."""

from auditor.tables import Column

MEANING = "pairs of upright boxes of one item, frame, task, source and annotator that overlap by half or more"
SOURCE = "intersection over union: Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 88(2) 2010, section 4.2"
KEY = ("item_id", "annotation_a", "annotation_b")
OPTIONAL = ("annotation.annotator_id", "annotation.label", "annotation.frame", "annotation.angle")
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "annotation_a": Column("VARCHAR", "one box; its id sorts before the other's"),
    "annotation_b": Column("VARCHAR", "the other box"),
    "task": Column("VARCHAR", "the question asked"),
    "source": Column("VARCHAR", "human | model | rule | synthetic | gold"),
    "annotator_id": Column("VARCHAR", "who drew both; NULL counts as one annotator"),
    "label_a": Column("VARCHAR", "the first box's label"),
    "label_b": Column("VARCHAR", "the other box's label"),
    "iou": Column("DOUBLE", "intersection over union of the boxes", "0.5..1"),
    "iom": Column("DOUBLE", "intersection over the smaller box", "0.5..1"),
}
# Boxes of one group (item, frame, task, source, annotator) meet in a join over a 64-bit code of the group. In groups of more than
# DENSE boxes a grid keeps the join from being quadratic: IoU >= 1/2 implies that widths differ by a factor of 2 at most, and that
# centres are apart by a third of the larger width at most. So on a grid whose cells are as wide as the power of 2 below the larger width the two
# lie in the same cell or in neighbouring ones, and the smaller is of the same power (`level`) or of the one below.
DENSE = 64
SQL = f"""
WITH box AS MATERIALIZED (
  SELECT annotation_id, item_id, task, source, annotator_id, frame, label, x, y, x + w AS r, y + h AS b, w * h AS area,
         hash(item_id, frame, task, source, annotator_id) AS code
  FROM annotation
  WHERE type = 'box' AND w > 0 AND h > 0 AND isfinite(x + y + w + h) AND coalesce(angle, 0) = 0
), crowd AS MATERIALIZED (
  SELECT code, count(*) > {DENSE} AS dense FROM box GROUP BY code HAVING count(*) > 1
), met AS MATERIALIZED (
  SELECT box.*, crowd.dense FROM box JOIN crowd USING (code)
), grid AS MATERIALIZED (
  SELECT *, level, CAST(floor((x + r) / 2 / pow(2.0, level)) AS BIGINT) AS cell,
         CAST(floor((x + r) / 2 / pow(2.0, level + 1)) AS BIGINT) AS wide
  FROM (SELECT *, CAST(floor(log2(r - x)) AS INTEGER) AS level FROM met WHERE dense)
), near AS (
  SELECT *, level AS at, unnest([cell, cell + 1]) AS spot, cell AS home FROM grid
  UNION ALL
  SELECT *, level + 1 AS at, unnest([wide - 1, wide, wide + 1]) AS spot, NULL AS home FROM grid
), pair AS (
  SELECT COLUMNS(p.*) AS 'p_\\0', COLUMNS(q.*) AS 'q_\\0'
  FROM met AS p JOIN met AS q ON p.code = q.code AND p.annotation_id < q.annotation_id
    AND q.x < p.r AND p.x < q.r AND q.y < p.b AND p.y < q.b
  WHERE NOT p.dense AND NOT q.dense
)
SELECT 1
"""
