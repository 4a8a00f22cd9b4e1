-- /// check
-- title      = "A split holds another mixture of labels than the others"
-- why        = "Scores measured on it do not carry over, and thresholds tuned on it are off."
-- fix        = "Split anew, stratified by label; or report scores that do not depend on the mixture."
-- wrong_when = "The test split was balanced, or follows real use, on purpose."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "source", "split"]
-- source     = "chi-squared test with Cramer's V as effect size: Cohen, Statistical Power Analysis, 1988, chapter 7"
-- optional   = ["item"]
-- looks_at   = "SELECT 1 FROM split_shift WHERE source IN ('human', 'gold')"
-- nothing    = "no label was given by a person"
-- [params]
-- min_effect = { value = 0.1, help = "smallest Cramer's V that counts" }
-- max_p = { value = 0.001, help = "largest p value that counts" }
-- min_items = { value = 50, help = "items that the split must have" }
-- ///
-- Of two splits both differ alike: the smaller one is named.
SELECT task, source, split, label, items AS n, chi2, p, cramers_v, 1 - p AS score,
       format('{} is {:.1f} % of {} ({:,} items) and {:.1f} % of the other splits; Cramer''s V {:.2f}',
              label, 100 * share, split, items, 100 * rest_share, cramers_v) AS message
FROM split_shift
WHERE source IN ('human', 'gold') AND items >= $min_items AND cramers_v >= $min_effect AND p <= $max_p
QUALIFY count(*) OVER (PARTITION BY task, source) > 2 OR row_number() OVER (PARTITION BY task, source ORDER BY items, split) = 1
