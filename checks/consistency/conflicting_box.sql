-- /// check
-- title      = "One place is boxed twice with different labels"
-- why        = "One object is taught as two classes, unless both labels are meant to hold."
-- fix        = "Look at the object and keep the right box. Many of one pair of labels: the guideline does not tell them apart."
-- wrong_when = "Labels do not exclude each other here, such as a person and a pedestrian, or a face and a head: mark the task as not exclusive in the ontology."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["item_id", ["annotation_a", "annotation_b"]]
-- source     = "Tkachenko et al., ObjectLab, ICML DMLR workshop 2023, swapped labels"
-- optional   = ["ontology"]
-- [params]
-- min_iou = { value = 0.8, help = "intersection over union (0.5..1) from which two boxes count as one place" }
-- ///
SELECT item_id, annotation_a AS annotation_id, annotator_id, annotation_a, annotation_b, label_a AS label, label_b AS other_label, iou, iou AS score,
       format('boxes of {} and {} by one annotator overlap by {:.0f} % of their union', coalesce(label_a, 'no label'), coalesce(label_b, 'no label'), 100 * iou) AS message
FROM box_pair AS p
WHERE iou >= $min_iou AND label_a IS DISTINCT FROM label_b
  AND task NOT IN (SELECT task FROM ontology WHERE exclusive IS false)
  -- a label and its broader one may both hold
  AND (task, coalesce(label_a, ''), coalesce(label_b, '')) NOT IN (SELECT (task, label, parent) FROM ontology WHERE parent IS NOT NULL)
  AND (task, coalesce(label_b, ''), coalesce(label_a, '')) NOT IN (SELECT (task, label, parent) FROM ontology WHERE parent IS NOT NULL)
