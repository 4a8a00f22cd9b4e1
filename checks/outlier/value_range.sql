-- /// check
-- title      = "A number is far from all others of its task"
-- why        = "Slips of the keyboard, wrong units and misread scales pull means and regressions along."
-- fix        = "Ask the annotator, or look the value up; add limits to the input field."
-- wrong_when = "The quantity has a long tail, such as prices or counts: label its logarithm, or raise z."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["annotation_id"]
-- source     = "median and MAD: Rousseeuw, Croux, JASA 88(424) 1993; 1.4826 makes MAD a standard deviation on normal data"
-- [params]
-- z = { value = 8.0, help = "robust deviations from the task's median from which a value stands out" }
-- min_values = { value = 30, help = "values that a task must have to be judged" }
-- ///
WITH given AS (
  SELECT item_id, annotation_id, annotator_id, task, value FROM annotation WHERE value IS NOT NULL
), task AS (
  -- ratings have few values and often a MAD of 0: the width of the middle 98 % then tells the scale (4.652 deviations on normal data)
  SELECT task, count(*) AS n, median(value) AS middle,
         greatest(1.4826 * mad(value), (quantile_cont(value, 0.99) - quantile_cont(value, 0.01)) / 4.652) AS spread
  FROM given WHERE isfinite(value) GROUP BY task HAVING count(*) >= $min_values
), judged AS (
  SELECT given.*, n, middle, if(isfinite(value), (value - middle) / nullif(spread, 0), NULL) AS z FROM given LEFT JOIN task USING (task)
)
SELECT item_id, annotation_id, annotator_id, task, value, n, z, least(1.0, coalesce(abs(z) / (4 * $z), 1.0)) AS score,
       if(isfinite(value), format('{:.6g} is {:.1f} robust deviations {} the median {:.6g} of {:,} values', value, abs(z), if(z > 0, 'above', 'below'), middle, n),
          'the value is not a finite number') AS message
FROM judged
WHERE abs(z) > $z OR NOT isfinite(value)
