-- /// check
-- title      = "A group of annotators gives higher or lower numbers than the others"
-- why        = "Ratings may say more about who rated than about the item; an average hides that, and a model learns it."
-- fix        = "Compare the groups on shared items; report both views, or balance who rates what."
-- wrong_when = "The groups were given different items; or the difference is what the study is about."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "key", "value"]
-- source     = "difference of two means, clustered by annotator, by Welch's test and by groups drawn by lot; effect over the deviation between annotators; Benjamini-Hochberg over all groups"
-- looks_at   = "SELECT 1 FROM group_value WHERE \"of\" = 'annotator' AND q IS NOT NULL"
-- nothing    = "no two groups of annotators can be compared"
-- [params]
-- min_annotators = { value = 15, help = "annotators that the group and the rest must each have" }
-- min_effect = { value = 0.3, help = "smallest difference that counts, in standard deviations between annotators" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, key, value, n, mean, rest, difference, low, high, clusters AS annotators, effect, q, 1 - q AS score,
       format('annotators with {} = {} ({} people) give {:.2f} on average over {:,} answers, the others {:.2f}; difference {:+.2f}, 95 % interval {:+.2f} to {:+.2f}',
              key, value, clusters, mean, n, rest, difference, low, high) AS message
FROM group_value
WHERE "of" = 'annotator' AND clusters >= $min_annotators AND rest_clusters >= $min_annotators AND abs(effect) >= $min_effect AND q <= $max_q
