-- /// check
-- title      = "A box does not fit the polygon or mask that it belongs to"
-- why        = "Detectors learn from the box, segmenters from the outline: one of the two is wrong, often left behind when the other was moved."
-- fix        = "Compute boxes from the outlines again, after a look at a few: which of the two fits the object?"
-- wrong_when = "Boxes hold the whole object, outlines only the part that can be seen; or outlines were simplified by force."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "COCO format: bbox is the box around the segmentation; Pascal VOC intersection over union"
-- optional   = ["annotation.angle"]
-- [params]
-- min_iou = { value = 0.8, help = "intersection over union (0..1) below which the two contradict each other" }
-- slack_px = { value = 2.0, help = "pixels by which every edge may be off: boxes of small objects are rounded" }
-- ///
WITH pair AS (
  SELECT a.item_id, a.annotation_id, a.annotator_id, a.label, o.kind, a.w * a.h AS stated, o.w * o.h AS own,
         greatest(0, least(a.x + a.w, o.x + o.w) - greatest(a.x, o.x)) * greatest(0, least(a.y + a.h, o.y + o.h) - greatest(a.y, o.y)) AS shared,
         greatest(abs(a.x - o.x), abs(a.y - o.y), abs(a.x + a.w - o.x - o.w), abs(a.y + a.h - o.y - o.h)) AS gap
  FROM annotation AS a JOIN outline AS o USING (item_id, annotation_id)
  WHERE a.w > 0 AND a.h > 0 AND isfinite(a.x + a.y + a.w + a.h) AND coalesce(a.angle, 0) = 0
)
SELECT item_id, annotation_id, annotator_id, label, kind, shared / (stated + own - shared) AS iou, gap, 1 - shared / (stated + own - shared) AS score,
       format('the box and its {} share {:.0f} % of their union; one edge is off by {:.1f} px', kind, 100 * shared / (stated + own - shared), gap) AS message
FROM pair
WHERE shared < $min_iou * (stated + own - shared) AND gap > $slack_px
