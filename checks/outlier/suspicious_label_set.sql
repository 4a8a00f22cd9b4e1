-- /// check
-- title      = "A label is missing from a set, or is one too many, if a model that did not see the set is right"
-- why        = "Where several labels may hold, those that were forgotten are the commonest fault, and teach a model that they do not hold."
-- fix        = "Look at the item; add what is missing or take out what does not hold."
-- wrong_when = "The probabilities come from a model that was trained on these very items, or labels were given for the main subject only."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["model", "task", "item_id", "set", "label"]
-- source     = "Thyagarajan, Snorrason, Northcutt, Mueller, Identifying Incorrect Annotations in Multi-Label Classification Data, 2022"
-- optional   = ["annotation.annotator_id"]
-- [params]
-- max_class_score = { value = 0.05, help = "largest probability of what was given: of the label, or of its absence" }
-- ///
SELECT item_id, annotator_id, model, task, "set", label, given, probability, class_score, score AS set_score, 1 - class_score AS score,
       CASE WHEN given THEN format('{} was given, which {} gives a probability of {:.2f}', label, model, probability)
            ELSE format('{} was not given, which {} gives a probability of {:.2f}', label, model, probability) END AS message
FROM multilabel_quality
WHERE suspicious AND class_score <= $max_class_score
