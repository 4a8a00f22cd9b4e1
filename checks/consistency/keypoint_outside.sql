-- /// check
-- title      = "A keypoint lies where it cannot be"
-- why        = "Pose training normalises by the box: a point outside it gives a wrong target, and a hidden mark with coordinates is read as a point."
-- fix        = "Move the point or the box. Points marked as not labelled should have the coordinates (0, 0)."
-- wrong_when = "Boxes are drawn around the visible part only and joints beyond it are marked on purpose: raise box_slack."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "COCO keypoint format; CVAT skeleton checks"
-- optional   = ["annotation.x", "annotation.y", "annotation.w", "annotation.h", "annotation.label", "item"]
-- [params]
-- slack_px = { value = 1.0, help = "pixels a point may lie outside" }
-- box_slack = { value = 0.1, help = "share of the box's longer side that a point may lie outside it (0..1)" }
-- ///
WITH point AS (
  SELECT item_id, annotation_id, annotator_id, label, x, y, w, h, unnest(keypoints) AS p FROM annotation WHERE type = 'keypoints' AND keypoints IS NOT NULL
), judged AS (
  SELECT point.*,
    coalesce(p.v, 2) = 0 AND (coalesce(p.x, 0) <> 0 OR coalesce(p.y, 0) <> 0) AS unlabelled,
    coalesce(p.v, 2) > 0 AND coalesce(greatest(-p.x, -p.y, p.x - width, p.y - height) > $slack_px, false) AS off_image,
    coalesce(p.v, 2) > 0 AND w > 0 AND h > 0
      AND coalesce(greatest(x - p.x, y - p.y, p.x - x - w, p.y - y - h) > greatest($slack_px, $box_slack * greatest(w, h)), false) AS off_box
  FROM point LEFT JOIN item USING (item_id)
)
SELECT item_id, annotation_id, any_value(annotator_id) AS annotator_id, any_value(label) AS label, count_if(off_image) AS outside_image, count_if(off_box) AS outside_box, count_if(unlabelled) AS unlabelled_with_place,
       format('of {} keypoint{} {}', count(*), if(count(*) = 1, '', 's'), concat_ws(', ',
         CASE count_if(off_image) WHEN 0 THEN NULL WHEN 1 THEN '1 lies outside the image' ELSE count_if(off_image) || ' lie outside the image' END,
         CASE count_if(off_box) WHEN 0 THEN NULL WHEN 1 THEN '1 lies outside its box' ELSE count_if(off_box) || ' lie outside their box' END,
         CASE count_if(unlabelled) WHEN 0 THEN NULL WHEN 1 THEN '1 is marked as not labelled but has coordinates'
           ELSE count_if(unlabelled) || ' are marked as not labelled but have coordinates' END)) AS message
FROM judged
GROUP BY item_id, annotation_id
HAVING bool_or(off_image OR off_box OR unlabelled)
