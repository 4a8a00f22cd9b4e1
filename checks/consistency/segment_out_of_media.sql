-- /// check
-- title      = "A segment lies outside its recording"
-- why        = "Cutting the recording there gives silence or an error; often the label belongs to another file."
-- fix        = "Look whether times are in milliseconds or frames, and whether the file was cut after labelling; then set the times again."
-- wrong_when = "The declared duration is rounded: raise slack_s."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "NIST RTTM validation; pyannote"
-- optional   = ["item", "annotation.label"]
-- [params]
-- slack_s = { value = 0.1, help = "seconds a segment may reach outside: durations are often rounded to a tenth" }
-- ///
SELECT a.item_id, a.annotation_id, a.annotator_id, a.label, start_s, end_s, duration,
       CASE WHEN start_s IS NULL OR end_s IS NULL THEN 'the segment lacks a time'
            WHEN NOT (isfinite(start_s) AND isfinite(end_s)) THEN 'a time of the segment is not a finite number'
            WHEN start_s < -$slack_s THEN format('the segment begins {:.2f} s before the recording', -start_s)
            WHEN end_s <= start_s THEN format('the segment from {:.2f} to {:.2f} s has no length', start_s, end_s)
            ELSE format('the segment ends at {:.2f} s, the recording at {:.2f} s', end_s, duration) END AS message
FROM annotation AS a LEFT JOIN item AS i USING (item_id)
WHERE a.type = 'segment' AND (start_s IS NULL OR end_s IS NULL OR NOT (isfinite(start_s) AND isfinite(end_s))
  OR start_s < -$slack_s OR end_s <= start_s OR coalesce(end_s > duration + $slack_s, false))
