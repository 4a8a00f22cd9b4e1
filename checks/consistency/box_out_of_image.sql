-- /// check
-- title      = "A box reaches outside its image"
-- why        = "Training code clips it, fails on it, or learns a wrong size."
-- fix        = "Clip the box, or look for a mix-up of image sizes or coordinate conventions."
-- wrong_when = "The tool labels the hidden part of truncated objects on purpose: raise slack_px. Boxes of polygons, masks and keypoints are judged too, turned boxes are not."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "COCO format: boxes lie within [0, width] x [0, height]"
-- optional   = ["annotation.angle"]
-- [params]
-- slack_px = { value = 1.0, help = "pixels a box may reach outside before it counts" }
-- ///
WITH box AS (
  SELECT item_id, annotation_id, annotator_id, label, type, width, height,
         greatest(-x, -y, x + w - width, y + h - height) AS overhang
  FROM annotation JOIN item USING (item_id)
  WHERE w >= 0 AND h >= 0 AND coalesce(angle, 0) = 0
)
SELECT item_id, annotation_id, annotator_id, label, type, overhang,
       format('the box reaches {:.1f} px outside its {} x {} image', overhang, width, height) AS message
FROM box
WHERE overhang > $slack_px
