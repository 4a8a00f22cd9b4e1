-- /// check
-- title      = "A label is far rarer than the commonest one"
-- why        = "Models learn rare labels badly, and their errors hardly move the overall score."
-- fix        = "Collect more items of the rare label, merge it with a broader one, or weight it; report scores by label."
-- wrong_when = "The rare label is as rare in use as it is here: raise max_ratio."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "label"]
-- source     = "imbalance ratio: Buda, Maki, Mazurowski, Neural Networks 106, 2018"
-- optional   = ["item"]
-- looks_at   = "SELECT 1 FROM class_balance WHERE source IN ('human', 'gold')"
-- nothing    = "no label was given by a person"
-- [params]
-- max_ratio = { value = 50.0, help = "annotations of the commonest label for each one of this label" }
-- min_annotations = { value = 200, help = "annotations that the task must have" }
-- ///
WITH used AS (
  SELECT task, label, CAST(sum(annotations) AS BIGINT) AS n FROM class_balance
  WHERE source IN ('human', 'gold') GROUP BY task, source, label QUALIFY source = max(source) OVER (PARTITION BY task)
), ranked AS (
  SELECT *, max(n) OVER (PARTITION BY task) AS most, CAST(sum(n) OVER (PARTITION BY task) AS BIGINT) AS total FROM used
)
SELECT task, label, n, total, most / n AS ratio, n / total AS share,
       format('{} has {:,} of {:,} annotations ({:.2f} %), the commonest label has {:,.0f} times as many',
              label, n, total, 100.0 * n / total, most / n) AS message
FROM ranked
WHERE total >= $min_annotations AND most > $max_ratio * n
