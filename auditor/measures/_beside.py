"""Boxes or masks that people drew beside those that a model predicts: the columns and the SQL that both measures share."""

from auditor.tables import Column

SOURCE = (
    "ObjectLab: Tkachenko, Thyagarajan, Mueller, ICML DataPerf workshop 2023, section 3: similarity 0.9 IoU + 0.1 exp(-0.1 "
    "distance of centres), thresholds 0.5 and 0.95"
)
KEY = ("model", "item_id", "annotation_id")
ALPHA, REACH = 0.9, 0.1  # weight of the IoU, and 1 / pixels of the distance's decay
LOW, HIGH, SAME_PLACE = 0.5, 0.95, 0.95  # confidence from which an object tells of a place, of a label; IoU of one place


def columns(one: str, several: str) -> dict[str, Column]:
    """The columns of a measure of boxes or of masks.

    Args:
        one: what an object is called.
        several: what many are called.
    """
    told = f"no predicted {one} comes near a human {one}"
    alone = "no other label is predicted"
    return {
        "model": Column("VARCHAR", f"whose {several}: the annotator_id of annotations with source model"),
        "item_id": Column("VARCHAR", "the item"),
        "annotation_id": Column("VARCHAR", f"the {one}: of a human, or one that was predicted"),
        "annotator_id": Column("VARCHAR", "who drew it", needs="annotation.annotator_id"),
        "task": Column("VARCHAR", "the question asked"),
        "predicted": Column("BOOLEAN", f"it is a predicted {one}, of 0.95 confidence at least, that meets no human {one}"),
        "label": Column("VARCHAR", "its label"),
        "confidence": Column(
            "DOUBLE",
            f"how sure the model is of a predicted {one}",
            "0..1",
            absent=f"every confident predicted {one} meets a human one",
        ),
        "overlooked": Column(
            "DOUBLE",
            f"of predicted {several}: similarity of the nearest human {one} of the label; low: people overlooked it",
            "0..1",
            absent=f"every confident predicted {one} meets a human one",
        ),
        "badly_located": Column(
            "DOUBLE",
            f"of human {several}: similarity of the nearest predicted {one} of the label that meets it; 1 where none does",
            "0..1",
        ),
        "swapped": Column(
            "DOUBLE",
            f"of human {several}: 1 - similarity of the nearest confident {one} of another label; 1 where there is none",
            "0..1",
        ),
        "score": Column("DOUBLE", "the lowest of these: low is suspicious", "0..1"),
        "same_similarity": Column("DOUBLE", f"similarity of the nearest predicted {one} of the label", "0..1", absent=told),
        "same_iou": Column("DOUBLE", "its intersection over union", "0..1", absent=told),
        "same_confidence": Column("DOUBLE", "its confidence", "0..1", absent=told),
        "same_fits": Column(
            "DOUBLE",
            f"largest intersection over union of that one with any {one} of the label by the same person",
            "0..1",
            absent=told,
        ),
        "other_label": Column("VARCHAR", f"label of the nearest confident {one} of another label", absent=alone),
        "other_similarity": Column("DOUBLE", "its similarity", "0..1", absent=alone),
        "other_confidence": Column("DOUBLE", "its confidence", "0..1", absent=alone),
        "other_fits": Column(
            "DOUBLE",
            f"largest intersection over union of that one with any {one} of its own label by the same person",
            "0..1",
            absent=alone,
        ),
        "twice": Column("BOOLEAN", f"another human {one} of another label lies on it (IoU 0.95): swapped is as low as can be"),
    }


def query(human: str, guess: str, iou: str, twin: str) -> str:
    """The SQL of a measure.

    Args:
        human: a SELECT of annotation_id, item_id, annotator_id, task, label, frame, x, y, w, h and n (any number of its own).
        guess: the same of what is predicted, with model instead of annotator_id, and confidence.
        iou: intersection over union of `p` (human) and `g` (predicted).
        twin: a SELECT of the n of human objects on which another one of another label lies.
    """
    return f"""
WITH human AS MATERIALIZED ({human}), guess AS MATERIALIZED ({guess}), asked AS MATERIALIZED (
  SELECT model, task, item_id, frame FROM guess
  SEMI JOIN human ON human.item_id = guess.item_id AND human.task = guess.task AND human.frame IS NOT DISTINCT FROM guess.frame
  GROUP BY ALL
), pair AS MATERIALIZED (
  SELECT model, human, hand, guess, alike, confidence, iou,
         {ALPHA} * iou + {1 - ALPHA:.1f} * exp(-{REACH} * sqrt(across * across + down * down)) AS similarity
  FROM (
    SELECT g.model, p.n AS human, p.annotator_id AS hand, g.n AS guess, p.label = g.label AS alike, g.confidence,
           p.x + p.w / 2 - g.x - g.w / 2 AS across, p.y + p.h / 2 - g.y - g.h / 2 AS down, {iou} AS iou
    FROM human AS p JOIN guess AS g ON g.item_id = p.item_id AND g.task = p.task AND g.frame IS NOT DISTINCT FROM p.frame
  )
), least_of AS (
  SELECT least(coalesce(min(similarity) FILTER (similarity > 0), 1.0), 1.0) AS floor FROM pair
), twin AS (
  SELECT DISTINCT n FROM ({twin})
), of_guess AS MATERIALIZED (
  SELECT guess, max(iou) AS iou, max(similarity) FILTER (alike) AS near FROM pair GROUP BY guess
), fit AS MATERIALIZED (
  SELECT guess, hand, max(iou) AS fits FROM pair WHERE alike AND iou > 0 GROUP BY ALL
), of_human AS (
  SELECT model, human, max(similarity) FILTER (alike AND iou > 0) AS near, max(similarity) FILTER (alike) AS same_similarity,
         arg_max(iou, (similarity, guess)) FILTER (alike) AS same_iou, arg_max(guess, (similarity, guess)) FILTER (alike) AS same,
         max(similarity) FILTER (NOT alike AND confidence > {HIGH}) AS other_similarity,
         arg_max(guess, (similarity, guess)) FILTER (NOT alike AND confidence > {HIGH}) AS other
  FROM pair GROUP BY ALL
), judged AS (
  SELECT a.model, p.item_id, p.annotation_id, p.annotator_id, p.task, false AS predicted, p.label,
         CAST(NULL AS DOUBLE) AS confidence, CAST(NULL AS DOUBLE) AS overlooked, coalesce(o.near, 1.0) AS badly_located,
         if(twin.n IS NULL, greatest(floor, 1 - coalesce(other_similarity, 0.0)), floor) AS swapped,
         same_similarity, same_iou, s.confidence AS same_confidence, sf.fits AS same_fits, t.label AS other_label, other_similarity,
         t.confidence AS other_confidence, tf.fits AS other_fits, twin.n IS NOT NULL AS twice
  FROM human AS p
  JOIN asked AS a ON a.item_id = p.item_id AND a.task = p.task AND a.frame IS NOT DISTINCT FROM p.frame
  LEFT JOIN of_human AS o ON o.model = a.model AND o.human = p.n
  LEFT JOIN guess AS s ON s.n = o.same
  LEFT JOIN fit AS sf ON sf.guess = o.same AND sf.hand IS NOT DISTINCT FROM p.annotator_id
  LEFT JOIN guess AS t ON t.n = o.other
  LEFT JOIN fit AS tf ON tf.guess = o.other AND tf.hand IS NOT DISTINCT FROM p.annotator_id
  LEFT JOIN twin ON twin.n = p.n
  CROSS JOIN least_of
  UNION ALL
  SELECT g.model, g.item_id, g.annotation_id, g.model, g.task, true, g.label, g.confidence,
         coalesce(o.near, floor * (1 - g.confidence)), NULL, NULL, o.near, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM guess AS g JOIN of_guess AS o ON o.guess = g.n CROSS JOIN least_of
  WHERE g.confidence >= {HIGH} AND o.iou = 0
)
SELECT *, coalesce(overlooked, least(badly_located, swapped)) AS score FROM judged
"""
