-- /// check
-- title      = "A box has no area"
-- why        = "Training divides by its size or drops it; evaluation counts an object that can never be found."
-- fix        = "Draw the box again; many at once come from a click without a drag, or from corners that were swapped on export."
-- wrong_when = "The tool writes points as boxes without size: import them as keypoints. Masks of one pixel in width may have a box of width 0."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "datumaro validator, NegativeLength and InvalidValue"
-- optional   = ["annotation.label"]
-- ///
-- Polygons, masks and keypoints often state a box as well; of them it is judged where it is given.
SELECT item_id, annotation_id, annotator_id, label, type, x, y, w, h,
       CASE WHEN x IS NULL OR y IS NULL OR w IS NULL OR h IS NULL THEN 'the box lacks a coordinate'
            WHEN NOT (isfinite(x) AND isfinite(y) AND isfinite(w) AND isfinite(h)) THEN 'a coordinate of the box is not a finite number'
            ELSE format('the box is {:.1f} px wide and {:.1f} px high: it has no area', w, h) END AS message
FROM annotation
WHERE (type = 'box' OR coalesce(x, y, w, h) IS NOT NULL) AND (x IS NULL OR y IS NULL OR w IS NULL OR h IS NULL OR w <= 0 OR h <= 0
  OR NOT (isfinite(x) AND isfinite(y) AND isfinite(w) AND isfinite(h)))
