-- /// check
-- title      = "People agree on a task hardly more than chance would have it"
-- why        = "Such labels say little about the items: no model can learn from them what people do not share."
-- fix        = "Look at the most confused labels and at annotator_summary: many guessers are cured by a test, an unclear question by examples in the guideline."
-- wrong_when = "Taste or opinion is asked for; nearly all items have one label (look at prevalence and gwet_ac1); or hard items were chosen on purpose."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task"]
-- source     = "Krippendorff, Content Analysis, 2018, section 12.6: below 0.667 no conclusion is safe; here the whole interval must lie below min_alpha"
-- looks_at   = "SELECT 1 FROM agreement WHERE metric LIKE 'alpha_%' AND low IS NOT NULL"
-- nothing    = "no task has ten items with two votes each and more than one label"
-- optional   = ["agreement.prevalence", "agreement.bias"]
-- [params]
-- min_items = { value = 50, help = "items with at least two votes" }
-- min_alpha = { value = 0.4, help = "the interval of alpha must reach this" }
-- min_percent = { value = 0.95, help = "share of equal pairs of votes above which a low alpha is due to one common label" }
-- ///
WITH told AS (
  SELECT *, max(value) FILTER (metric = 'percent') OVER (PARTITION BY task) AS percent,
         max(value) FILTER (metric = 'gwet_ac1') OVER (PARTITION BY task) AS gwet_ac1
  FROM agreement
)
SELECT task, metric, value AS alpha, low, high, items AS n, votes, annotators, percent, gwet_ac1, prevalence, bias, 1 - greatest(high, 0) AS score,
       format('{} is {:.2f} (95 % interval {:.2f} to {:.2f}, {:,} items): 0 is chance, 1 agreement; {:.0f} % of pairs of votes are equal',
              replace(metric, '_', ' '), value, low, high, items, 100 * percent) AS message
FROM told
WHERE metric IN ('alpha_nominal', 'alpha_ordinal', 'alpha_jaccard') AND items >= $min_items AND high < $min_alpha AND percent < $min_percent
QUALIFY row_number() OVER (PARTITION BY task ORDER BY metric = 'alpha_ordinal' DESC, metric) = 1
