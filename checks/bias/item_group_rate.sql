-- /// check
-- title      = "Items of a group get a label at another rate than the others"
-- why        = "A model can learn the group instead of the thing, if the difference is an accident of collection (a camera, a site, a source)."
-- fix        = "Look whether the difference is real; if it comes from collection, balance the groups or test on each."
-- wrong_when = "The attribute is a cause or a part of the label (the season and snow)."
-- severity   = "info"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "key", "value"]
-- source     = "difference of two shares, clustered by item, by Welch's test and by groups drawn by lot; Cohen's h; Benjamini-Hochberg over all groups and labels"
-- looks_at   = "SELECT 1 FROM group_rate WHERE \"of\" = 'item' AND q IS NOT NULL"
-- nothing    = "no two groups of items can be compared"
-- [params]
-- min_items = { value = 50, help = "items that the group and the rest must each have" }
-- min_effect = { value = 0.5, help = "smallest Cohen's h that counts (0.2 is small, 0.5 medium)" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, key, value, label, n, x, rate, rest, difference, low, high, clusters AS items, effect, q, 1 - q AS score,
       format('items with {} = {} ({:,} items) are called {} in {:.1f} % of {:,} votes, the others in {:.1f} %; difference {:+.1f} points, 95 % interval {:+.1f} to {:+.1f}',
              key, value, clusters, label, 100 * rate, n, 100 * rest, 100 * difference, 100 * low, 100 * high) AS message
FROM group_rate
WHERE "of" = 'item' AND clusters >= $min_items AND rest_clusters >= $min_items AND abs(effect) >= $min_effect AND q <= $max_q
QUALIFY row_number() OVER (PARTITION BY task, key, value ORDER BY abs(effect) DESC, label) = 1
