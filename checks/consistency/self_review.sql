-- /// check
-- title      = "An annotation was reviewed by the person who made it"
-- why        = "Review is meant to bring a second pair of eyes; this one brought none."
-- fix        = "Have someone else review these; make the tool refuse to assign a review to the annotator."
-- wrong_when = "The process allows it, for instance where an expert fixes and accepts in one step."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "four-eyes principle; ISO/IEC 27001:2022 A.5.3, segregation of duties"
-- optional   = ["annotation.review", "annotation.label"]
-- ///
SELECT item_id, annotation_id, annotator_id, label, review,
       format('its annotator reviewed it: {}', coalesce(review, 'no result given')) AS message
FROM annotation
WHERE annotator_id = reviewer_id
