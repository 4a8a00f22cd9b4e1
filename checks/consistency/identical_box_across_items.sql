-- /// check
-- title      = "One annotator drew the same box, to the pixel, on many items"
-- why        = "Boxes drawn by hand differ: this one was pasted, or left where the tool put it."
-- fix        = "Look at three of them. If the box does not fit, send all items of the group back."
-- wrong_when = "A fixed camera sees a fixed thing, or the items are frames of one video."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["task", "source", "annotator_id", "x", "y", "w", "h"]
-- source     = "duplicate geometry across images: annotation quality practice; no published formula"
-- optional   = ["annotation.annotator_id", "annotation.label", "annotation.frame", "item.width", "item.height"]
-- [params]
-- min_items = { value = 5, help = "items with the same box by the same annotator, from which it is no chance" }
-- ///
WITH box AS (
  SELECT a.item_id, a.annotation_id, a.label, a.task, a.source, a.annotator_id, a.x, a.y, a.w, a.h,
         hash(a.task, a.source, a.annotator_id, a.x, a.y, a.w, a.h) AS code
  FROM annotation AS a JOIN item AS i USING (item_id)
  WHERE a.w > 0 AND a.h > 0 AND a.frame IS NULL AND a.source IN ('human', 'gold')
    -- the whole image is consistency/whole_image_box's; without a size it shows by its corner
    AND coalesce(a.w * a.h < 0.9 * i.width * i.height, a.x > 0 OR a.y > 0)
), often AS (
  SELECT code FROM box GROUP BY code HAVING count(*) >= $min_items
)
SELECT min(item_id) AS item_id, min(annotation_id) AS annotation_id, min(label) AS label, task, source, annotator_id, x, y, w, h,
       count(DISTINCT item_id) AS items,
       format('one annotator drew the same box of {:.1f} x {:.1f} px at ({:.1f}, {:.1f}) on {:,} items', w, h, x, y, count(DISTINCT item_id)) AS message
FROM box SEMI JOIN often USING (code)
GROUP BY task, source, annotator_id, x, y, w, h
HAVING count(DISTINCT item_id) >= $min_items
