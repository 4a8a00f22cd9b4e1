-- /// check
-- title      = "A box reaches outside its image"
-- why        = "Training code clips it, fails on it, or learns a wrong size."
-- fix        = "Clip the box, or look for a mix-up of image sizes or coordinate conventions."
-- wrong_when = "The tool labels the hidden part of truncated objects on purpose: raise slack_px. Boxes of polygons, masks and keypoints are judged too; turned boxes by their corners."
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
WITH sides AS (
  -- from the top left corner along the width (wx, wy) and along the height (hx, hy), for a turn clockwise
  SELECT *, w * cos(radians(coalesce(angle, 0))) AS wx, w * sin(radians(coalesce(angle, 0))) AS wy,
         -h * sin(radians(coalesce(angle, 0))) AS hx, h * cos(radians(coalesce(angle, 0))) AS hy
  FROM (SELECT item_id, annotation_id, annotator_id, label, type, x, y, w, h, angle FROM annotation WHERE w >= 0 AND h >= 0)
  JOIN (SELECT item_id, width, height FROM item) USING (item_id)
), box AS (
  SELECT item_id, annotation_id, annotator_id, label, type, width, height,
         greatest(-x - least(0, wx, hx, wx + hx), -y - least(0, wy, hy, wy + hy),
                  x + greatest(0, wx, hx, wx + hx) - width, y + greatest(0, wy, hy, wy + hy) - height) AS overhang
  FROM sides
)
SELECT item_id, annotation_id, annotator_id, label, type, overhang,
       format('the box reaches {:.1f} px outside its {} x {} image', overhang, width, height) AS message
FROM box
WHERE overhang > $slack_px
