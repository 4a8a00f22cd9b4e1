-- /// check
-- title      = "A box covers the whole image"
-- why        = "Often a default box that nobody adjusted; it teaches a detector that background is the object."
-- fix        = "Draw the box around the object, or give the image a class label instead of a box."
-- wrong_when = "Images are cropped to their object, as in a catalogue of products; or the box is that of a mask of something vast, such as sky or road."
-- severity   = "info"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "Encord, box covering the frame; CleanVision practice"
-- optional   = ["annotation.label", "annotation.angle"]
-- [params]
-- min_share = { value = 0.98, help = "share of the image's width and of its height (0..1) that the box must reach" }
-- ///
SELECT item_id, annotation_id, annotator_id, label, type, w * h / (CAST(width AS DOUBLE) * height) AS share,
       format('the box covers {:.1f} % of its {} x {} image', 100 * w * h / (CAST(width AS DOUBLE) * height), width, height) AS message
FROM annotation JOIN item USING (item_id)
WHERE w > 0 AND h > 0 AND isfinite(w) AND isfinite(h) AND width > 0 AND height > 0
  AND w >= $min_share * width AND h >= $min_share * height
  -- a turned box has another outline than its width and height
  AND coalesce(angle, 0) = 0
