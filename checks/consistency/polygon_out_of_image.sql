-- /// check
-- title      = "A polygon reaches outside its image"
-- why        = "Rasterising clips it or fails; many at once mean coordinates of another size or order of axes."
-- fix        = "Clip the polygon, or look for a mix-up of image sizes or of x and y."
-- wrong_when = "The tool labels the hidden part of truncated objects on purpose: raise slack_px. Where the polygon's box is outside too, box_out_of_image says it alone."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "COCO format: segmentations lie within [0, width] x [0, height]"
-- optional   = ["annotation.x", "annotation.y", "annotation.w", "annotation.h"]
-- looks_at   = "SELECT 1 FROM outline WHERE kind = 'polygon'"
-- nothing    = "no annotation is a polygon"
-- [params]
-- slack_px = { value = 1.0, help = "pixels a polygon may reach outside before it counts" }
-- ///
WITH shape AS (
  SELECT o.item_id, annotation_id, a.annotator_id, a.label, width, height,
         greatest(-o.x, -o.y, o.x + o.w - width, o.y + o.h - height) AS overhang, greatest(-a.x, -a.y, a.x + a.w - width, a.y + a.h - height) AS box_overhang
  FROM outline AS o JOIN item AS i USING (item_id) JOIN annotation AS a USING (item_id, annotation_id)
  WHERE kind = 'polygon' AND width > 0 AND height > 0
)
SELECT item_id, annotation_id, annotator_id, label, overhang,
       format('the polygon reaches {:.1f} px outside its {} x {} image', overhang, width, height) AS message
FROM shape
WHERE overhang > $slack_px AND coalesce(box_overhang <= $slack_px, true)
