-- /// check
-- title      = "Two people agree against the others far more often than people who work apart would"
-- why        = "Copied votes are one vote: agreement and majorities look better than they are, and the copied mistakes win."
-- fix        = "Count the pair as one person, have the items that they share labelled again, and see how the one comes to know the other's answers."
-- wrong_when = "Both know better than the others, who share a mistake; or both follow a convention, or saw a suggestion, that the others did not."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", ["annotator_id", "other_annotator"]]
-- source     = "excess of identical wrong answers: Frary, Tideman, Watts 1977; Wesolowsky, Detecting excessive similarity in answers on multiple choice exams, J. Applied Statistics 27, 2000; Benjamini-Hochberg over all pairs of the task"
-- [params]
-- min_same = { value = 10, help = "same answers against gold or the others; a few may come from a few items that are alike" }
-- min_copied = { value = 0.3, help = "smallest share of such answers that must be copied to explain the surplus, 0..1" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, other_annotator, against AS n, same, expected, copied, q, timed, later, soon, 1 - q AS score,
       format('gives the same answer as {} on {} of {} items where one of them stands against gold or the others; people who work apart would on {:.0f}',
              other_annotator, same, against, expected)
       || CASE WHEN timed > 0 THEN format('; later than the other on {} of {}, within a minute on {}', later, timed, soon) ELSE '' END AS message
FROM annotator_pair
WHERE same >= $min_same AND copied >= $min_copied AND q <= $max_q
