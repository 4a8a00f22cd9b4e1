-- /// check
-- title      = "The time spent on an annotation is negative or endless"
-- why        = "Speed statistics, pay and the search for careless annotators rest on it."
-- fix        = "Look whether the end and the start were swapped, or whether the clock was changed; leave the value empty where it is not known."
-- wrong_when = "The tool writes -1 for unknown: leave it empty on export."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "domain integrity: ISO/IEC 25012 data quality model, semantic accuracy"
-- ///
SELECT item_id, annotation_id, annotator_id, seconds, if(isfinite(seconds), format('{:.1f} seconds were spent on it', seconds), 'the time spent on it is not a finite number') AS message
FROM annotation
WHERE seconds < 0 OR NOT isfinite(seconds)
