-- /// check
-- title      = "A group of annotators gives a label at another rate than the others"
-- why        = "Labels may say more about who labelled than about the item; a model learns that."
-- fix        = "Look at items that both groups labelled; if the answers differ there, discuss the guideline with both, or balance who labels what."
-- wrong_when = "The groups were given different items: compare them on shared items only."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "key", "value"]
-- source     = "difference of two shares, clustered by annotator, by Welch's test and by groups drawn by lot; Cohen's h; Benjamini-Hochberg over all groups and labels"
-- looks_at   = "SELECT 1 FROM group_rate WHERE \"of\" = 'annotator' AND q IS NOT NULL"
-- nothing    = "no two groups of annotators can be compared"
-- [params]
-- min_annotators = { value = 15, help = "annotators that the group and the rest must each have" }
-- min_effect = { value = 0.2, help = "smallest Cohen's h that counts (0.2 is small, 0.5 medium)" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, key, value, label, n, x, rate, rest, difference, low, high, clusters AS annotators, effect, q, 1 - q AS score,
       format('annotators with {} = {} ({} people) give {} in {:.1f} % of {:,} votes, the others in {:.1f} %; difference {:+.1f} points, 95 % interval {:+.1f} to {:+.1f}',
              key, value, clusters, label, 100 * rate, n, 100 * rest, 100 * difference, 100 * low, 100 * high) AS message
FROM group_rate
WHERE "of" = 'annotator' AND clusters >= $min_annotators AND rest_clusters >= $min_annotators AND abs(effect) >= $min_effect AND q <= $max_q
QUALIFY row_number() OVER (PARTITION BY task, key, value ORDER BY abs(effect) DESC, label) = 1
