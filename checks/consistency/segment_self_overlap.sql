-- /// check
-- title      = "A segment overlaps another one of the same label"
-- why        = "A speaker cannot talk over themselves: times are off, or two people carry one name. Speaking time and error rates come out wrong."
-- fix        = "Listen to the overlap: move the boundary, join the two segments, or give the second voice its own label."
-- wrong_when = "The label names a kind of sound of which two can be heard at once, such as dogs barking."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["annotation_id"]
-- source     = "NIST RT evaluation rules, RTTM: one speaker at a time per name"
-- optional   = ["annotation.annotator_id", "annotation.track_id"]
-- [params]
-- slack_s = { value = 0.05, help = "seconds of overlap that count as a rounding of boundaries" }
-- ///
WITH segment AS (
  SELECT item_id, annotation_id, annotator_id, label, start_s, end_s, hash(item_id, task, source, annotator_id, label, track_id) AS code
  FROM annotation WHERE type = 'segment' AND label IS NOT NULL AND end_s > start_s AND isfinite(start_s) AND isfinite(end_s)
), follows AS (
  SELECT *, max(end_s) OVER before AS busy_until, arg_max(annotation_id, end_s) OVER before AS other_annotation
  FROM segment
  WINDOW before AS (PARTITION BY code ORDER BY start_s, end_s, annotation_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT item_id, annotation_id, annotator_id, other_annotation, label, start_s, least(busy_until, end_s) - start_s AS overlap_s,
       format('from {:.2f} s on it overlaps another segment of the same label for {:.2f} s', start_s, least(busy_until, end_s) - start_s) AS message
FROM follows
-- least() passes over NULL: the first segment of each has nothing before it
WHERE busy_until IS NOT NULL AND least(busy_until, end_s) - start_s > $slack_s
