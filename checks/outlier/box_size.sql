-- /// check
-- title      = "A box is far larger or smaller than others of its class"
-- why        = "Typical for a click that went astray, a box around a group, or a wrong label."
-- fix        = "Look at the largest and smallest first: correct the box or its label."
-- wrong_when = "The class has sizes of two kinds, such as cars near and far: judge by the pictures, or raise z."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["annotation_id"]
-- source     = "median and MAD: Rousseeuw, Croux, JASA 88(424) 1993; 1.4826 makes MAD a standard deviation on normal data; Encord and labellint size outliers"
-- optional   = ["annotation.label", "item"]
-- [params]
-- z = { value = 6.0, help = "robust deviations from the class's median, on a log scale, from which a box stands out" }
-- min_boxes = { value = 30, help = "boxes that a class must have to be judged" }
-- floor = { value = 0.15, help = "least spread assumed (natural log units; 0.1 is about 10 %): classes of nearly equal boxes would find trifles" }
-- ///
WITH box AS (
  SELECT a.item_id, a.annotation_id, a.annotator_id, a.type, a.task, a.source, a.label, a.w, a.h, ln(a.w) + ln(a.h) - if(i.width > 0 AND i.height > 0, ln(i.width) + ln(i.height), 0) AS v
  FROM annotation AS a LEFT JOIN item AS i USING (item_id)
  WHERE a.w > 0 AND a.h > 0 AND isfinite(a.w) AND isfinite(a.h)
), class AS (
  SELECT task, source, label, count(*) AS n, median(v) AS middle, mad(v) AS spread FROM box GROUP BY task, source, label HAVING count(*) >= $min_boxes
), judged AS (
  SELECT box.*, n, exp(v - middle) AS times, (v - middle) / (1.4826 * greatest(spread, $floor)) AS z
  FROM box JOIN class ON box.task = class.task AND box.source = class.source AND box.label IS NOT DISTINCT FROM class.label
)
SELECT item_id, annotation_id, annotator_id, label, type, task, w, h, n, times, z, least(1.0, abs(z) / (4 * $z)) AS score,
       format('its area is {} the median of {:,} boxes of {}, {:.1f} robust deviations {} it', if(times >= 1, format('{:,.1f} times', times), format('1/{:,.1f} of', 1 / times)),
              n, coalesce(label, 'no label'), abs(z), if(z > 0, 'above', 'below')) AS message
FROM judged
WHERE abs(z) > $z
