-- /// check
-- title      = "People agree less on one slice of the items than on the others"
-- why        = "Labels of that slice are noisier: figures of a model on it are too low, and it learns less from it."
-- fix        = "Look at the slice: other media quality, another language or a case that the guideline leaves out; collect more votes there."
-- wrong_when = "The slice is harder by nature and known to be; or nearly all its items have one label, which lowers alpha by itself (look at percent)."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "of", "key", "value"]
-- source     = "difference of two alphas with errors clustered by item; Benjamini-Hochberg over the slices of the task"
-- looks_at   = "SELECT 1 FROM agreement_slice WHERE q IS NOT NULL"
-- nothing    = "no two slices have ten items each on which two people voted"
-- [params]
-- min_items = { value = 50, help = "items with two votes that the slice and the rest must each have" }
-- min_gap = { value = 0.15, help = "how far alpha must lie below that of the other items" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, "of", key, value, items AS n, metric, alpha, low, high, rest, difference, difference_low, difference_high, percent, q, 1 - q AS score,
       format('on {:,} items with {} = {} alpha is {:.2f} (95 % interval {:.2f} to {:.2f}), on the others {:.2f}; {:.0f} % of pairs of votes are equal',
              items, key, value, alpha, low, high, rest, 100 * percent) AS message
FROM agreement_slice
WHERE items >= $min_items AND rest_items >= $min_items AND difference <= -$min_gap AND q <= $max_q
