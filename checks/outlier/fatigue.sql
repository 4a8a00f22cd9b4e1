-- /// check
-- title      = "A person's answers get worse within a sitting"
-- why        = "Tired people guess; shorter sittings cost nothing."
-- fix        = "Ask for breaks, and label the end of long sittings again."
-- wrong_when = "Items come in an order of difficulty that the others did not meet."
-- severity   = "info"
-- tolerance  = "10%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "slope of agreement over the hours of a sitting, beside the others' on the same items; Benjamini-Hochberg over annotators"
-- [params]
-- min_votes = { value = 30, help = "votes that can be compared and put in an order" }
-- min_fall = { value = 0.05, help = "how far agreement falls in an hour, 0..1" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, timed AS n, sittings, fatigue, fatigue_low, fatigue_high, fatigue_q, 1 - fatigue_q AS score,
       format('agreement falls by {:.2f} an hour within {:,} sittings of {:,} answers (95 % interval {:.2f} to {:.2f})',
              -fatigue, sittings, timed, -fatigue_high, -fatigue_low) AS message
FROM annotator_habit
WHERE timed >= $min_votes AND fatigue <= -$min_fall AND fatigue_q <= $max_q
