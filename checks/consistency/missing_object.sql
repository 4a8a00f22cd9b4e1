-- /// check
-- title      = "A person left out an object that the others of the item drew"
-- why        = "What is there but not labelled is taught as background."
-- fix        = "Look at the place and add the object; many of one person or label: the guideline does not say what is to be drawn."
-- wrong_when = "People were asked for different kinds of objects under one task name."
-- severity   = "warning"
-- tolerance  = "2%"
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["annotation_id", "annotator_id"]
-- source     = "objects of a quorum of annotators: consensus of CVAT's and Datumaro's merge by intersection (IoU matching)"
-- optional   = ["object_match.label", "object_match.other_annotation_id"]
-- looks_at   = "SELECT 1 FROM object_match GROUP BY annotation_id HAVING count(*) >= 2"
-- nothing    = "no item has boxes, spans or segments, and three annotators"
-- [params]
-- min_drawn = { value = 2, help = "people who must have drawn it" }
-- min_share = { value = 0.66, help = "share of the item's people who must have drawn it" }
-- max_near = { value = 0.1, help = "largest intersection over union (0..1) with anything the person drew" }
-- ///
WITH object AS (
  SELECT annotation_id, 1 + count(*) FILTER (iou >= 0.5) AS drawn, 1 + count(*) AS people,
         -- of the copies of one object that people drew, the one with the smallest id speaks
         annotation_id <= coalesce(min(other_annotation_id) FILTER (iou >= 0.5), annotation_id) AS speaks
  FROM object_match GROUP BY annotation_id
)
SELECT m.item_id, m.annotation_id, m.other_annotator_id AS annotator_id, m.label, m.task, m.kind, drawn, people, m.nearest, drawn / people AS score,
       format('{:,} of {:,} people drew a {} of {} here, this person nothing', drawn, people, m.kind, coalesce(m.label, 'no label')) AS message
FROM object_match AS m JOIN object AS o USING (annotation_id)
WHERE speaks AND drawn >= $min_drawn AND drawn >= $min_share * people AND m.nearest <= $max_near
