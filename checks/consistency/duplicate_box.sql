-- /// check
-- title      = "An object is boxed twice with the same label"
-- why        = "Each copy counts as an object: counts are too high, and a detector that finds the object once is told it missed one."
-- fix        = "Delete one of the two; look whether copies come from pasting, or from merging two exports."
-- wrong_when = "Objects of one class truly cover each other, such as cells in layers or people in a crowd: raise min_iou. Of polygons and masks the boxes are compared: slanting thin shapes may share one."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["item_id", ["annotation_a", "annotation_b"]]
-- source     = "Encord and CVAT duplicate checks; Pascal VOC intersection over union"
-- [params]
-- min_iou = { value = 0.8, help = "intersection over union (0.5..1) from which two boxes count as one object" }
-- ///
SELECT item_id, annotation_a AS annotation_id, annotator_id, annotation_a, annotation_b, label_a AS label, iou, iou AS score,
       format('two boxes of one annotator with the same label overlap by {:.0f} % of their union', 100 * iou) AS message
FROM box_pair
WHERE iou >= $min_iou AND label_a IS NOT DISTINCT FROM label_b
