"""How well human spans fit the spans that a model predicts, and where it is sure of one that nobody marked."""

from auditor.tables import Column

MEANING = (
    "each human span beside each model's predicted spans of its text: the worst of its characters; and each predicted span that "
    "shares no character with a human one"
)
SOURCE = (
    "worst token: Wang and Mueller, Detecting Label Errors in Token Classification Data, NeurIPS InterNLP workshop 2022, section "
    "3; here over characters, whose probabilities are the confidences of the spans that cover them"
)
KEY = ("model", "task", "item_id", "annotation_id")
OPTIONAL = ("annotation.annotator_id",)
EMPTY = "no text has both human spans and predicted spans with a confidence"
_FEW = "no label has been given"
COLUMNS = {
    "model": Column("VARCHAR", "whose spans: the annotator_id of annotations with source model"),
    "task": Column("VARCHAR", "the question asked"),
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the span: of a human, or one that was predicted"),
    "annotator_id": Column("VARCHAR", "who marked it", needs="annotation.annotator_id"),
    "kind": Column("VARCHAR", "same | edge | label | alone of human spans, overlooked of predicted ones"),
    "label": Column("VARCHAR", "its label"),
    "start_char": Column("INTEGER", "first character", "code points"),
    "end_char": Column("INTEGER", "character after the last", "code points"),
    "suggested": Column("VARCHAR", "label of the likeliest predicted span that it meets; its own where only the edges differ"),
    "confidence": Column("DOUBLE", "how sure the model is of that one, or of the predicted span itself", "0..1"),
    "suggested_start": Column("INTEGER", "where that one starts", "code points", absent="no predicted span meets a human one"),
    "suggested_end": Column("INTEGER", "where that one ends", "code points", absent="no predicted span meets a human one"),
    "worst": Column(
        "DOUBLE",
        "probability of the label on its worst character: the confidence of a predicted span of the label that covers it all, "
        "1 - confidence where another label or a sure edge stands against it, else 0; of overlooked ones 1 - confidence",
        "0..1",
    ),
    "seen": Column(
        "DOUBLE", "share of the human spans of the label that the model meets with a span of the label", "0..1", absent=_FEW
    ),
    "of": Column("BIGINT", "human spans of the label: n of that share"),
    "score": Column(
        "DOUBLE",
        "quality, low is suspicious: as worst, but a span that the model does not see at all counts by how often it sees its "
        "label: 1 - seen",
        "0..1",
    ),
}
_SPAN = "type = 'span' AND start_char >= 0 AND end_char > start_char AND label IS NOT NULL"
SQL = f"""
WITH human AS MATERIALIZED (
  SELECT task, item_id, annotation_id, annotator_id, label, start_char, end_char FROM annotation WHERE source = 'human' AND {_SPAN}
), guess AS MATERIALIZED (
  SELECT coalesce(annotator_id, 'model') AS model, task, item_id, annotation_id, label, start_char, end_char,
         least(greatest(confidence, 0.0), 1.0) AS confidence
  FROM annotation WHERE source = 'model' AND confidence IS NOT NULL AND {_SPAN}
), asked AS (
  SELECT model, task, item_id FROM guess GROUP BY ALL
), met AS MATERIALIZED (
  SELECT g.model, h.annotation_id AS human, g.annotation_id AS guess, h.label = g.label AS alike, g.label, g.confidence,
         g.start_char, g.end_char, g.start_char <= h.start_char AND g.end_char >= h.end_char AS covers,
         g.start_char = h.start_char AND g.end_char = h.end_char AS exact
  FROM human AS h JOIN guess AS g ON g.item_id = h.item_id AND g.task = h.task
    AND g.start_char < h.end_char AND h.start_char < g.end_char
), best AS (
  SELECT model, human, bool_or(alike AND exact) AS same, bool_or(alike) AS alike,
         max(confidence) FILTER (alike AND exact) AS same_confidence, max(confidence) FILTER (alike AND covers) AS covered,
         max(confidence) FILTER (NOT exact AND alike) AS edge_confidence, max(confidence) FILTER (NOT alike) AS other_confidence,
         arg_max(guess, (confidence, guess)) FILTER (alike AND exact) AS same_guess,
         arg_max(guess, (confidence, guess)) FILTER (alike) AS alike_guess, arg_max(guess, (confidence, guess)) AS guess
  FROM met GROUP BY ALL
), told AS (
  SELECT a.model, h.*, b.same, b.alike, b.same_confidence, b.covered, b.edge_confidence, b.other_confidence,
         coalesce(b.same_guess, b.alike_guess, b.guess) AS guess,
         CASE WHEN b.human IS NULL THEN 'alone' WHEN b.same THEN 'same' WHEN b.alike THEN 'edge' ELSE 'label' END AS kind
  FROM human AS h JOIN asked AS a ON a.task = h.task AND a.item_id = h.item_id
  LEFT JOIN best AS b ON b.model = a.model AND b.human = h.annotation_id
), rate AS (
  SELECT model, task, label, count(*) AS "of", count(*) FILTER (alike) / count(*) AS seen FROM told GROUP BY ALL
), judged AS (
  SELECT t.model, t.task, t.item_id, t.annotation_id, t.annotator_id, kind, t.label, t.start_char, t.end_char, g.label AS suggested,
         g.confidence, g.start_char AS suggested_start, g.end_char AS suggested_end, seen, "of",
         CASE kind WHEN 'same' THEN same_confidence WHEN 'edge' THEN coalesce(covered, 1 - edge_confidence)
                   WHEN 'label' THEN 1 - other_confidence ELSE 0.0 END AS worst
  FROM told AS t JOIN rate USING (model, task, label) LEFT JOIN guess AS g ON g.annotation_id = t.guess
  UNION ALL
  SELECT g.model, g.task, g.item_id, g.annotation_id, g.model, 'overlooked', g.label, g.start_char, g.end_char, g.label,
         g.confidence, NULL, NULL, r.seen, r."of", 1 - g.confidence
  FROM guess AS g SEMI JOIN human AS h ON h.item_id = g.item_id AND h.task = g.task
  LEFT JOIN rate AS r ON r.model = g.model AND r.task = g.task AND r.label = g.label
  WHERE g.annotation_id NOT IN (SELECT guess FROM met)
)
SELECT *, if(kind = 'alone', 1 - seen, worst) AS score FROM judged
"""
