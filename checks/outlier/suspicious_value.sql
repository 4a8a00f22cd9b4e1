-- /// check
-- title      = "A number lies far from what a model expects"
-- why        = "A slip of a digit, a wrong unit or a wrong row pulls a regression further than a thousand right numbers push it back."
-- fix        = "Look at the item; many of one factor: look for a mix-up of units."
-- wrong_when = "The model was trained on these very items, or knows nothing of what makes this one special."
-- severity   = "warning"
-- tolerance  = "2%"
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["model", "annotation_id"]
-- source     = "Zhou et al., Detecting Errors in a Numerical Response via any Regression Model, 2023; Iglewicz and Hoaglin 1993"
-- optional   = ["annotation.annotator_id"]
-- [params]
-- min_z = { value = 6.0, help = "smallest distance in units of the usual residual; 3.5 is customary for normal noise, real noise has longer tails" }
-- min_n = { value = 30, help = "numbers that have a prediction" }
-- ///
SELECT item_id, annotation_id, annotator_id, model, task, value, predicted, residual, usual, z, n, 1 - score AS score,
       format('the number given is {:.4g}, {} expects {:.4g}: {:.1f} times the usual residual away', value, model, predicted, abs(z)) AS message
FROM value_quality
WHERE abs(z) >= $min_z AND n >= $min_n
