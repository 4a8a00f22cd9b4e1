"""How well human boxes fit the boxes that a model predicts: overlooked, badly located, swapped."""

from auditor.measures import _beside
from auditor.measures._beside import KEY, LOW, SAME_PLACE, SOURCE

__all__ = ["KEY", "SOURCE"]
MEANING = (
    "each human box beside each model's predicted boxes of its item: is it badly placed, is its label swapped; and each confident "
    "predicted box where no human box lies: was it overlooked"
)
OPTIONAL = ("annotation.annotator_id", "annotation.label", "annotation.frame", "annotation.angle")
EMPTY = "no item has both human boxes and predicted boxes with a confidence above one half"
COLUMNS = _beside.columns("box", "boxes")
_BOX = (
    "type = 'box' AND w > 0 AND h > 0 AND isfinite(abs(x) + abs(y) + w + h + w * h) AND coalesce(angle, 0) = 0 "
    "AND label IS NOT NULL"
)
_SHARED = """greatest(least({0}.x + {0}.w, {1}.x + {1}.w) - greatest({0}.x, {1}.x), 0.0)
      * greatest(least({0}.y + {0}.h, {1}.y + {1}.h) - greatest({0}.y, {1}.y), 0.0)"""
SQL = _beside.query(
    f"""
  SELECT row_number() OVER () AS n, annotation_id, item_id, annotator_id, task, label, frame, x, y, w, h
  FROM annotation WHERE source = 'human' AND {_BOX}
""",
    f"""
  SELECT row_number() OVER () AS n, annotation_id, item_id, coalesce(annotator_id, 'model') AS model, task, label, frame, x, y, w,
         h, confidence
  FROM annotation WHERE source = 'model' AND confidence > {LOW} AND {_BOX}
""",
    f"{_SHARED.format('p', 'g')} AS shared, shared / greatest(p.w * p.h + g.w * g.h - shared, 1e-6)",
    f"""
  SELECT a.n FROM human AS a JOIN human AS b
  ON a.item_id = b.item_id AND a.task = b.task AND a.frame IS NOT DISTINCT FROM b.frame AND a.label <> b.label
    AND a.annotator_id IS NOT DISTINCT FROM b.annotator_id
    AND least(a.w, b.w) >= {SAME_PLACE} * greatest(a.w, b.w) AND least(a.h, b.h) >= {SAME_PLACE} * greatest(a.h, b.h)
    AND {_SHARED.format("a", "b")} * {1 + SAME_PLACE} >= {SAME_PLACE} * (a.w * a.h + b.w * b.h)
""",
)
