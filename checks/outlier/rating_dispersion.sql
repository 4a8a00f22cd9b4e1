-- /// check
-- title      = "People's numbers for an item lie unusually far apart"
-- why        = "Their mean says what nobody said: the item reads in two ways, or one of the numbers is a slip."
-- fix        = "Look at the item and at the extremes: correct the slip, or keep the distribution instead of the mean."
-- wrong_when = "The spread grows with the number, as with prices or counts: rate its logarithm; or opinions are the subject."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["item_id", "task"]
-- source     = "chi-squared test of one variance: Snedecor and Cochran, Statistical Methods, 1989, section 5.7; Benjamini-Hochberg over items"
-- [params]
-- min_votes = { value = 3, help = "numbers that an item must have" }
-- min_ratio = { value = 1.5, help = "the item's standard deviation over the usual one from which it counts" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT item_id, task, votes AS n, mean, lowest, highest, deviation, usual, q, 1 - q AS score,
       format('{:,} people gave {:.6g} to {:.6g}: their standard deviation of {:.3g} is {:.1f} times the usual one', votes, lowest, highest, deviation, deviation / usual) AS message
FROM item_rating
WHERE votes >= $min_votes AND deviation >= $min_ratio * usual AND q <= $max_q
