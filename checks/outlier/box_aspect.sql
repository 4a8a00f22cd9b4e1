-- /// check
-- title      = "A box has a shape unlike others of its class"
-- why        = "Slivers come from boxes cut at a tile's edge, a drag that slipped, or two objects in one box."
-- fix        = "Look at them: draw the box again, or mark the object as cut off."
-- wrong_when = "Objects of the class are seen from every side, or lie cut off at the border of the image."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["annotation_id"]
-- source     = "median and MAD: Rousseeuw, Croux, JASA 88(424) 1993; 1.4826 makes MAD a standard deviation on normal data; Encord and labellint size outliers"
-- optional   = ["annotation.label"]
-- [params]
-- z = { value = 6.0, help = "robust deviations from the class's median, on a log scale, from which a box stands out" }
-- min_boxes = { value = 30, help = "boxes that a class must have to be judged" }
-- floor = { value = 0.15, help = "least spread assumed (natural log units; 0.1 is about 10 %): classes of nearly equal boxes would find trifles" }
-- ///
WITH box AS (
  SELECT a.item_id, a.annotation_id, a.annotator_id, a.type, a.task, a.source, a.label, a.w, a.h, ln(a.w) - ln(a.h) AS v
  FROM annotation AS a
  WHERE a.w > 0 AND a.h > 0 AND isfinite(a.w) AND isfinite(a.h)
), class AS (
  SELECT task, source, label, count(*) AS n, median(v) AS middle, mad(v) AS spread FROM box GROUP BY task, source, label HAVING count(*) >= $min_boxes
), judged AS (
  SELECT box.*, n, exp(v - middle) AS times, (v - middle) / (1.4826 * greatest(spread, $floor)) AS z
  FROM box JOIN class ON box.task = class.task AND box.source = class.source AND box.label IS NOT DISTINCT FROM class.label
)
SELECT item_id, annotation_id, annotator_id, label, type, task, w, h, n, times, z, least(1.0, abs(z) / (4 * $z)) AS score,
       format('it is {:.1f} px wide and {:.1f} px high: width over height is {} the median of {:,} boxes of {}', w, h,
              if(times >= 1, format('{:,.1f} times', times), format('1/{:,.1f} of', 1 / times)), n, coalesce(label, 'no label')) AS message
FROM judged
WHERE abs(z) > $z
