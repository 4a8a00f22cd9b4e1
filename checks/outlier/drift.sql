-- /// check
-- title      = "A person's answers got worse from the first to the last"
-- why        = "A mean over all answers hides it: the late ones are worth less than the person's record says."
-- fix        = "Look at the late answers; label those again, and ask what changed: the items, the guideline, or the person."
-- wrong_when = "The others changed their mind about the question, and the person kept to the old guideline."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "slope of agreement beside the others' on the same items (White, Econometrica 48, 1980), Benjamini-Hochberg over annotators"
-- [params]
-- min_votes = { value = 30, help = "votes that can be compared and put in an order" }
-- min_fall = { value = 0.15, help = "how far agreement falls from the first answer to the last, 0..1" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, timed AS n, early, late, drift, drift_low, drift_high, drift_q, 1 - drift_q AS score,
       format('agrees with the others in {:.0f} % of the first third of {:,} answers and in {:.0f} % of the last; beside theirs on the same items a fall of {:.2f} (95 % interval {:.2f} to {:.2f})',
              100 * early, timed, 100 * late, -drift, -drift_high, -drift_low) AS message
FROM annotator_habit
WHERE timed >= $min_votes AND drift <= -$min_fall AND drift_q <= $max_q
