-- /// check
-- title      = "A box lies apart from where a model is sure of the object"
-- why        = "Loose or shifted boxes teach wrong edges, and count as misses when a model is scored."
-- fix        = "Look at the edges; draw them anew. Many by one person: show how tight the guideline wants boxes."
-- wrong_when = "Two objects of one class stand close together, and the model found only one of them."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["model", "item_id", "annotation_id"]
-- source     = "Tkachenko, Thyagarajan, Mueller, ObjectLab, ICML DataPerf workshop 2023, badly located"
-- optional   = ["annotation.annotator_id", "box_quality.same_iou", "box_quality.same_confidence", "box_quality.same_fits"]
-- [params]
-- max_similarity = { value = 0.5, help = "largest similarity (0.9 IoU and a tenth for near centres) to the nearest predicted box of the label, 0..1" }
-- min_confidence = { value = 0.9, help = "smallest confidence of that box" }
-- ///
SELECT item_id, annotation_id, annotator_id, model, task, label, badly_located, same_iou, same_confidence, 1 - badly_located AS score,
       format('the {} that {} sees with {:.0f} % confidence shares {:.0f} % of the union with this box', label, model, 100 * same_confidence, 100 * same_iou) AS message
FROM box_quality
WHERE NOT predicted AND badly_located <= $max_similarity AND same_iou > 0 AND same_confidence >= $min_confidence
  -- a predicted box that fits another box of this person better belongs to that one; a sure one of another label here is a swap
  AND same_fits <= same_iou AND swapped > $max_similarity
