"""How well human boxes fit the boxes that a model predicts: overlooked, badly located, swapped."""

from auditor.tables import Column

MEANING = (
    "each human box beside each model's predicted boxes of its item: is it badly placed, is its label swapped; and each confident "
    "predicted box where no human box lies: was it overlooked"
)
SOURCE = (
    "ObjectLab: Tkachenko, Thyagarajan, Mueller, ICML DataPerf workshop 2023, section 3: similarity 0.9 IoU + 0.1 exp(-0.1 "
    "distance of centres), thresholds 0.5 and 0.95"
)
KEY = ("model", "item_id", "annotation_id")
OPTIONAL = ("annotation.annotator_id", "annotation.label", "annotation.frame", "annotation.angle")
EMPTY = "no item has both human boxes and predicted boxes with a confidence above one half"
_TOLD = "no predicted box comes near a human box"
COLUMNS = {
    "model": Column("VARCHAR", "whose boxes: the annotator_id of annotations with source model"),
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the box: of a human, or one that was predicted"),
    "annotator_id": Column("VARCHAR", "who drew it", needs="annotation.annotator_id"),
    "task": Column("VARCHAR", "the question asked"),
    "predicted": Column("BOOLEAN", "it is a predicted box, of 0.95 confidence at least, that meets no human box"),
    "label": Column("VARCHAR", "its label"),
    "confidence": Column("DOUBLE", "how sure the model is of a predicted box", "0..1"),
    "overlooked": Column(
        "DOUBLE",
        "of predicted boxes: similarity of the nearest human box of the label; low: people overlooked it",
        "0..1",
        absent="every confident predicted box meets a human one",
    ),
    "badly_located": Column(
        "DOUBLE", "of human boxes: similarity of the nearest predicted box of the label that meets it; 1 where none does", "0..1"
    ),
    "swapped": Column(
        "DOUBLE", "of human boxes: 1 - similarity of the nearest confident box of another label; 1 where there is none", "0..1"
    ),
    "score": Column("DOUBLE", "the lowest of these: low is suspicious", "0..1"),
    "same_similarity": Column("DOUBLE", "similarity of the nearest predicted box of the label", "0..1", absent=_TOLD),
    "same_iou": Column("DOUBLE", "its intersection over union", "0..1", absent=_TOLD),
    "same_confidence": Column("DOUBLE", "its confidence", "0..1", absent=_TOLD),
    "other_label": Column("VARCHAR", "label of the nearest confident box of another label", absent="no other label is predicted"),
    "other_similarity": Column("DOUBLE", "its similarity", "0..1", absent="no other label is predicted"),
    "other_confidence": Column("DOUBLE", "its confidence", "0..1", absent="no other label is predicted"),
    "twice": Column("BOOLEAN", "another human box of another label lies on it (IoU 0.95): swapped is as low as can be"),
}
ALPHA, REACH = 0.9, 0.1  # weight of the IoU, and 1 / pixels of the distance's decay
LOW, HIGH, SAME_PLACE = 0.5, 0.95, 0.95  # confidence from which a box tells of a place, of a label; IoU of one place
_BOX = (
    "type = 'box' AND w > 0 AND h > 0 AND isfinite(abs(x) + abs(y) + w + h + w * h) AND coalesce(angle, 0) = 0 "
    "AND label IS NOT NULL"
)
SQL = f"""
WITH human AS MATERIALIZED (
  SELECT annotation_id, item_id, annotator_id, task, label, frame, x, y, w, h FROM annotation WHERE source = 'human' AND {_BOX}
), guess AS MATERIALIZED (
  SELECT annotation_id, item_id, coalesce(annotator_id, 'model') AS model, task, label, frame, x, y, w, h, confidence
  FROM annotation WHERE source = 'model' AND confidence > {LOW} AND {_BOX}
), asked AS MATERIALIZED (
  SELECT model, task, item_id, frame FROM guess
  SEMI JOIN human ON human.item_id = guess.item_id AND human.task = guess.task AND human.frame IS NOT DISTINCT FROM guess.frame
  GROUP BY ALL
), pair AS MATERIALIZED (
  SELECT model, human, guess, label, guess_label, confidence, iou,
         {ALPHA} * iou + {1 - ALPHA:.1f} * exp(-{REACH} * sqrt(across * across + down * down)) AS similarity
  FROM (
    SELECT g.model, p.annotation_id AS human, g.annotation_id AS guess, p.label, g.label AS guess_label, g.confidence,
           p.x + p.w / 2 - g.x - g.w / 2 AS across, p.y + p.h / 2 - g.y - g.h / 2 AS down,
           greatest(least(p.x + p.w, g.x + g.w) - greatest(p.x, g.x), 0.0)
             * greatest(least(p.y + p.h, g.y + g.h) - greatest(p.y, g.y), 0.0) AS shared,
           shared / greatest(p.w * p.h + g.w * g.h - shared, 1e-6) AS iou
    FROM human AS p JOIN guess AS g ON g.item_id = p.item_id AND g.task = p.task AND g.frame IS NOT DISTINCT FROM p.frame
  )
), least_of AS (
  SELECT least(coalesce(min(similarity) FILTER (similarity > 0), 1.0), 1.0) AS floor FROM pair
), twin AS (
  SELECT DISTINCT a.annotation_id FROM human AS a JOIN human AS b
  ON a.item_id = b.item_id AND a.task = b.task AND a.frame IS NOT DISTINCT FROM b.frame AND a.label <> b.label
    AND a.annotator_id IS NOT DISTINCT FROM b.annotator_id
    AND least(a.w, b.w) >= {SAME_PLACE} * greatest(a.w, b.w) AND least(a.h, b.h) >= {SAME_PLACE} * greatest(a.h, b.h)
    AND greatest(least(a.x + a.w, b.x + b.w) - greatest(a.x, b.x), 0.0)
      * greatest(least(a.y + a.h, b.y + b.h) - greatest(a.y, b.y), 0.0) * {1 + SAME_PLACE}
      >= {SAME_PLACE} * (a.w * a.h + b.w * b.h)
), of_human AS (
  SELECT model, human,
         max(similarity) FILTER (label = guess_label AND iou > 0) AS near,
         max(similarity) FILTER (label = guess_label) AS same_similarity,
         arg_max(iou, (similarity, guess)) FILTER (label = guess_label) AS same_iou,
         arg_max(confidence, (similarity, guess)) FILTER (label = guess_label) AS same_confidence,
         max(similarity) FILTER (label <> guess_label AND confidence > {HIGH}) AS other_similarity,
         arg_max(guess_label, (similarity, guess)) FILTER (label <> guess_label AND confidence > {HIGH}) AS other_label,
         arg_max(confidence, (similarity, guess)) FILTER (label <> guess_label AND confidence > {HIGH}) AS other_confidence
  FROM pair GROUP BY ALL
), of_guess AS (
  SELECT guess, max(iou) AS iou, max(similarity) FILTER (label = guess_label) AS near FROM pair GROUP BY guess
), judged AS (
  SELECT a.model, p.item_id, p.annotation_id, p.annotator_id, p.task, false AS predicted, p.label,
         CAST(NULL AS DOUBLE) AS confidence, CAST(NULL AS DOUBLE) AS overlooked, coalesce(o.near, 1.0) AS badly_located,
         if(twin.annotation_id IS NULL, greatest(floor, 1 - coalesce(other_similarity, 0.0)), floor) AS swapped,
         same_similarity, same_iou, same_confidence, other_label, other_similarity, other_confidence,
         twin.annotation_id IS NOT NULL AS twice
  FROM human AS p
  JOIN asked AS a ON a.item_id = p.item_id AND a.task = p.task AND a.frame IS NOT DISTINCT FROM p.frame
  LEFT JOIN of_human AS o ON o.model = a.model AND o.human = p.annotation_id
  LEFT JOIN twin ON twin.annotation_id = p.annotation_id
  CROSS JOIN least_of
  UNION ALL
  SELECT g.model, g.item_id, g.annotation_id, g.model, g.task, true, g.label, g.confidence,
         coalesce(o.near, floor * (1 - g.confidence)), NULL, NULL, o.near, NULL, NULL, NULL, NULL, NULL, NULL
  FROM guess AS g JOIN of_guess AS o ON o.guess = g.annotation_id CROSS JOIN least_of
  WHERE g.confidence >= {HIGH} AND o.iou = 0
)
SELECT *, coalesce(overlooked, least(badly_located, swapped)) AS score FROM judged
"""
