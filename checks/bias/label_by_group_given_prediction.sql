-- /// check
-- title      = "What looks alike to a model is labelled differently in one group"
-- why        = "A scanner, a site or a group of people draws the border between two classes elsewhere: a model learns the group, and fails on the others."
-- fix        = "Look at ten of the group's items beside ten of the others'; correct the labels, or split the class if both are right."
-- wrong_when = "The model is worse on this group than on the others; look at its accuracy there first."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "model", "of", "key", "value"]
-- source     = "differential item functioning (Holland and Wainer, 1993) given the predicted class; clustered difference of shares, by Welch's test and by groups drawn by lot; Cohen's h; Benjamini-Hochberg"
-- [params]
-- min_items = { value = 20, help = "items that are predicted so, in the group and in the rest" }
-- min_annotators = { value = 15, help = "the same for groups of annotators" }
-- min_effect = { value = 0.5, help = "smallest Cohen's h that counts (0.2 is small, 0.5 medium)" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, model, "of", key, value, predicted, label, n, x, rate, rest, difference, low, high, clusters, rest_clusters, effect, q, 1 - q AS score,
       format('{} with {} = {}: {:.0f} % of {:,} annotations that {} takes for {} are labelled {}, of the others {:.1f} %; difference {:+.0f} points, 95 % interval {:+.0f} to {:+.0f}',
              if("of" = 'item', 'items', 'annotators'), key, value, 100 * rate, n, model, predicted, label, 100 * rest, 100 * difference, 100 * low, 100 * high) AS message
FROM group_difference
WHERE effect >= $min_effect AND q <= $max_q
  AND clusters >= if("of" = 'item', $min_items, $min_annotators) AND rest_clusters >= if("of" = 'item', $min_items, $min_annotators)
QUALIFY row_number() OVER (PARTITION BY task, model, "of", key, value ORDER BY effect DESC, predicted, label) = 1
