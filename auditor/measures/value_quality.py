"""How far each number given lies from what a model predicts, measured by what is usual."""

from auditor.tables import Column

MEANING = "each human number beside each model's number for its item: the residual, in units of the usual residual there"
SOURCE = (
    "residuals: Zhou, Mueller, Kumar, Wang, Lei, Detecting Errors in a Numerical Response via any Regression Model, 2023, section "
    "3; robust z by median and MAD: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993"
)
KEY = ("model", "task", "item_id", "annotation_id")
OPTIONAL = ("annotation.annotator_id", "annotation.confidence")
EMPTY = "no item has both a human's number and a model's"
_FEW = "all residuals are equal"
COLUMNS = {
    "model": Column("VARCHAR", "whose numbers: the annotator_id of annotations with source model"),
    "task": Column("VARCHAR", "the question asked"),
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the annotation"),
    "annotator_id": Column("VARCHAR", "who gave the number", needs="annotation.annotator_id"),
    "value": Column("DOUBLE", "the number given"),
    "predicted": Column("DOUBLE", "the model's number; the mean of several"),
    "residual": Column("DOUBLE", "value - predicted"),
    "n": Column("BIGINT", "numbers of the task that have a prediction of the model"),
    "usual": Column("DOUBLE", "1.4826 times the median distance of residuals of like predictions from their median", absent=_FEW),
    "like": Column("BIGINT", "numbers with a like prediction: one of ten groups by size, where there are 200 or more"),
    "z": Column(
        "DOUBLE", "(residual - its median among them) over the usual one, but at least a tenth of that of all", absent=_FEW
    ),
    "residual_score": Column("DOUBLE", "exp(-|residual|), which depends on the unit of the numbers", "0..1"),
    "score": Column("DOUBLE", "exp(-z^2 / 2), the height of the normal curve: low is suspicious", "0..1", absent=_FEW),
}
# Errors are larger where numbers are larger, mostly: the usual residual is that of like predictions (Zhou's aleatoric part).
MANY, GROUPS = 200, 10
SQL = f"""
WITH guess AS (
  SELECT coalesce(annotator_id, 'model') AS model, task, item_id, avg(value) AS predicted
  FROM annotation WHERE type = 'value' AND source = 'model' AND isfinite(value) GROUP BY ALL
), met AS (
  SELECT g.model, a.task, a.item_id, a.annotation_id, a.annotator_id, a.value, g.predicted, a.value - g.predicted AS residual,
         count(*) OVER (PARTITION BY g.model, a.task) AS n
  FROM annotation AS a JOIN guess AS g ON g.item_id = a.item_id AND g.task = a.task
  WHERE a.type = 'value' AND a.source = 'human' AND isfinite(a.value)
), grouped AS (
  SELECT *, if(n >= {MANY}, ntile({GROUPS}) OVER (PARTITION BY model, task ORDER BY predicted, item_id, annotation_id), 1) AS part
  FROM met
), spread AS (
  SELECT model, task, part, count(*) AS "like", median(residual) AS centre, 1.4826 * mad(residual) AS usual
  FROM grouped GROUP BY ALL
), whole AS (
  SELECT model, task, 1.4826 * mad(residual) AS usual FROM grouped GROUP BY ALL
)
SELECT g.model, g.task, g.item_id, g.annotation_id, g.annotator_id, value, predicted, residual, n, s.usual, s."like",
       (residual - centre) / nullif(greatest(s.usual, 0.1 * w.usual), 0) AS z, exp(-least(abs(residual), 700)) AS residual_score,
       exp(-least(z * z / 2, 700)) AS score
FROM grouped AS g JOIN spread AS s USING (model, task, part) JOIN whole AS w USING (model, task)
"""
