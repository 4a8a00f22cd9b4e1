-- /// check
-- title      = "A person's answers repeat in a pattern that the items do not explain"
-- why        = "Whoever types 1, 2, 3, 1, 2, 3 looks at nothing; each label keeps its usual share, so counts show nothing."
-- fix        = "Look at a stretch of the answers in order; if they are no better than chance, let the items be labelled again."
-- wrong_when = "Items came in a fixed rotation, and nobody else labelled them."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "matches at a lag given the others' labels, best of eleven lags (Bonferroni), Benjamini-Hochberg over annotators"
-- optional   = ["annotator_habit.period_others"]
-- [params]
-- min_pairs = { value = 30, help = "pairs of answers at the lag" }
-- min_excess = { value = 0.2, help = "how far the share of matches lies above what the items explain, the others' labels and the lags beside it, 0..1" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, period, period_pairs AS n, period_same, period_expected, period_others, period_beside, period_q, 1 - period_q AS score,
       format('{:.0f} % of {:,} answers are the same as the {}th before; the items explain {:.0f} %, one answer more or less gives {:.0f} %',
              100 * period_same, period_pairs, period, 100 * period_expected, 100 * period_beside) AS message
FROM annotator_habit
WHERE period_pairs >= $min_pairs AND period_q <= $max_q
  AND period_same - greatest(period_expected, period_beside, coalesce(period_others, 0)) >= $min_excess
