-- /// check
-- title      = "A polygon encloses nothing"
-- why        = "Rasterising it fails or yields an empty mask; an object is counted that has no pixel."
-- fix        = "Draw it again. Rings of two points come from a click too few, or from cutting a polygon in the tool."
-- wrong_when = "The shape is a line by intent: import it as keypoints."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "shoelace formula: Meister 1769; COCO format, segmentation rings"
-- optional   = ["annotation.label"]
-- [params]
-- min_area_px2 = { value = 1e-06, help = "area in square pixels up to which a ring counts as empty" }
-- ///
WITH ring AS (
  SELECT item_id, annotation_id, annotator_id, label, unnest(polygon) AS r, unnest(range(1, len(polygon) + 1)) AS nth FROM annotation
  WHERE type = 'polygon' AND polygon IS NOT NULL
), judged AS (
  SELECT *,
    CASE WHEN len(r) % 2 = 1 THEN 'has an odd count of coordinates'
         WHEN len(r) < 6 THEN 'has fewer than 3 points'
         WHEN len(list_filter(r, lambda v: v IS NULL OR NOT isfinite(v))) > 0 THEN 'has a coordinate that is not a finite number'
         -- from the first point, so that large coordinates do not eat the small differences
         WHEN abs(list_sum(list_transform(range(1, len(r) // 2), lambda i:
              (r[2 * i - 1] - r[1]) * (r[2 * i + 2] - r[2]) - (r[2 * i + 1] - r[1]) * (r[2 * i] - r[2])))) / 2 <= $min_area_px2
         THEN 'has no area' END AS fault
  FROM ring
)
SELECT item_id, annotation_id, any_value(annotator_id) AS annotator_id, any_value(label) AS label, count(*) AS rings,
       format('{:,} ring{} of the polygon enclose{} nothing: ring {} {}', count(*), if(count(*) = 1, '', 's'), if(count(*) = 1, 's', ''),
              min(nth), arg_min(fault, nth)) AS message
FROM judged
WHERE fault IS NOT NULL
GROUP BY item_id, annotation_id
UNION ALL
SELECT item_id, annotation_id, annotator_id, label, 0, 'the polygon has no rings' AS message
FROM annotation
WHERE type = 'polygon' AND len(polygon) = 0
