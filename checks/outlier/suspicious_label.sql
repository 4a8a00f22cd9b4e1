-- /// check
-- title      = "A model that did not see the label is confident that it should be another one"
-- why        = "These are the likeliest label errors: on real data a fifth to nine tenths of them are wrong, against a few in a hundred of all labels."
-- fix        = "Look at the worst first (highest score); correct what is wrong, and report scores again on the corrected labels."
-- wrong_when = "The probabilities come from a model that was trained on these very items (use cross-validation), or the model is weak on this class."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["annotation_id", "model"]
-- source     = "confident learning: Northcutt, Jiang, Chuang, JAIR 70, 2021; the score: odds after bias-corrected temperature scaling, Alexandari et al., ICML 2020"
-- [params]
-- max_confidence = { value = 0.5, help = "largest probability of the given label" }
-- min_gap = { value = 0.2, help = "smallest lead of the suggested class over the given label, in probability" }
-- ///
SELECT item_id, annotation_id, annotator_id, model, task, label, confident AS suggested, self_confidence, predicted_confidence, margin, "rank", 1 - score AS score,
       format('labelled {}, which {} gives a probability of {:.2f}; it suggests {} with {:.2f}', label, model, self_confidence, confident, predicted_confidence) AS message
FROM label_quality
WHERE suspicious AND confident = predicted AND self_confidence <= $max_confidence AND predicted_confidence - self_confidence >= $min_gap
