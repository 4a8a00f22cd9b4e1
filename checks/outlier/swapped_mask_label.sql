-- /// check
-- title      = "A model is sure that this mask holds another class"
-- why        = "A wrong class in the right place teaches the model to confuse the two."
-- fix        = "Look at the object and keep the right label. Many of one pair of labels: the guideline does not tell them apart."
-- wrong_when = "Both classes may hold for one object, or one object lies in the outline of another."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["model", "item_id", "annotation_id"]
-- source     = "Tkachenko, Thyagarajan, Mueller, ObjectLab, ICML DataPerf workshop 2023, swapped"
-- optional   = ["annotation.annotator_id", "mask_quality.other_label", "mask_quality.other_similarity", "mask_quality.same_similarity", "mask_quality.other_confidence", "mask_quality.other_fits"]
-- [params]
-- min_similarity = { value = 0.7, help = "smallest similarity (0.9 IoU and a tenth for near centres) to the predicted mask of another label, 0..1" }
-- ///
SELECT item_id, annotation_id, annotator_id, model, task, label, other_label AS suggested, other_similarity, other_confidence, same_similarity, other_similarity AS score,
       format('labelled {}; {} sees a {} in the same place with {:.0f} % confidence', label, model, other_label, 100 * other_confidence) AS message
FROM mask_quality
WHERE NOT predicted AND NOT twice AND other_similarity >= $min_similarity
  -- where the model has both labels in this place, or a mask of this person has the other one, nothing contradicts the one given
  AND other_similarity > coalesce(same_similarity, 0.0) + 0.1 AND coalesce(other_fits, 0.0) < $min_similarity
