-- /// check
-- title      = "A person does far better on gold items than on the others"
-- why        = "Gold that can be told from other items, or was passed on, measures nothing: the person's score on it is not their work's."
-- fix        = "Replace the gold items and mix them in unmarked; judge the person by agreement on other items until then."
-- wrong_when = "Gold items are easier for this person alone, say by language or subject."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "agreement on gold and other items, each beside the others' on the same items; Welch, Biometrika 34, 1947; Benjamini-Hochberg"
-- [params]
-- min_votes = { value = 30, help = "votes that can be compared, on items with gold and on others" }
-- min_gap = { value = 0.1, help = "how far agreement on gold items lies above that on the others, 0..1" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, n, gold_n, gold_agreement, plain_agreement, gold_gap, gold_gap_low, gold_gap_high, gold_gap_q, 1 - gold_gap_q AS score,
       format('agrees with the others in {:.0f} % of {:,} votes on gold items and in {:.0f} % of {:,} on others; beside theirs {:.2f} more (95 % interval {:.2f} to {:.2f})',
              100 * gold_agreement, gold_n, 100 * plain_agreement, n - gold_n, gold_gap, gold_gap_low, gold_gap_high) AS message
FROM annotator_habit
WHERE gold_n >= $min_votes AND n - gold_n >= $min_votes AND gold_gap >= $min_gap AND gold_gap_q <= $max_q
