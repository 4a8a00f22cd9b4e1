-- /// check
-- title      = "A simple model, trained without this label, is confident that it should be another one"
-- why        = "Where nobody supplies predictions, words or attributes alone tell many wrong labels."
-- fix        = "Look at the worst first (highest score); for better candidates give the probabilities of a model of your own with --predictions."
-- wrong_when = "What the labels tell apart does not stand in the words or attributes: then the model is weak, and its accuracy says so."
-- severity   = "info"
-- tolerance  = "5%"
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["annotation_id", "model"]
-- source     = "confident learning over five-fold predictions: Northcutt, Jiang, Chuang, JAIR 70, 2021"
-- [params]
-- max_confidence = { value = 0.3, help = "largest probability of the given label" }
-- min_gap = { value = 0.4, help = "smallest lead of the suggested class over the given label, in probability" }
-- min_accuracy = { value = 0.7, help = "smallest share of labels that the model gives too" }
-- ///
SELECT item_id, annotation_id, annotator_id, model, task, label, predicted AS suggested, self_confidence, predicted_confidence, accuracy, items, "rank", 1 - score AS score,
       format('labelled {}, which a model of {:,} items gives a probability of {:.2f}; it suggests {} with {:.2f}', label, items, self_confidence, predicted, predicted_confidence) AS message
FROM built_in_quality
WHERE suspicious AND confident = predicted AND self_confidence <= $max_confidence AND predicted_confidence - self_confidence >= $min_gap AND accuracy >= $min_accuracy
