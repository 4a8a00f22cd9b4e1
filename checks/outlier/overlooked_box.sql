-- /// check
-- title      = "A model is sure of an object where nobody drew a box"
-- why        = "What is not boxed is taught as background: the model learns to miss it."
-- fix        = "Look at the place; draw the box, or tell the guideline from what size or how hidden an object counts."
-- wrong_when = "The model was trained on these very items, or sees classes that the guideline leaves out."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["model", "item_id", "annotation_id"]
-- source     = "Tkachenko, Thyagarajan, Mueller, ObjectLab, ICML DataPerf workshop 2023, overlooked"
-- optional   = ["box_quality.overlooked", "box_quality.confidence"]
-- [params]
-- min_confidence = { value = 0.95, help = "smallest confidence of the predicted box, 0.95..1" }
-- ///
SELECT item_id, annotation_id, model, task, label, confidence, overlooked, 1 - overlooked AS score,
       format('{} is {:.0f} % sure of a {} here, and no human box meets it', model, 100 * confidence, label) AS message
FROM box_quality
WHERE predicted AND confidence >= $min_confidence
