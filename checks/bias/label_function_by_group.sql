-- /// check
-- title      = "A group of annotators gives a label to the same items more, or less, often than the others"
-- why        = "Whom an item was given to decides its label; a model learns who labelled, and the group's view is lost or overweighted."
-- fix        = "Look at the shared items on which the groups differ; if the guideline leaves it open, decide and say so, else keep both views."
-- wrong_when = "The difference is what the data are for (taste, offence taken), or the attribute stands for training."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "key", "value"]
-- source     = "Mantel-Haenszel differential item functioning, each item a stratum (Holland and Thayer 1988), ETS classes; clustered by annotator, and by groups drawn by lot; Benjamini-Hochberg over all groups and labels of the task"
-- looks_at   = "SELECT 1 FROM group_item_function WHERE q IS NOT NULL"
-- nothing    = "no two groups of annotators voted on the same items"
-- [params]
-- min_annotators = { value = 15, help = "annotators that the group and the rest must each have" }
-- min_items = { value = 30, help = "items on which both voted" }
-- min_class = { value = "B", help = "least effect: A any, B moderate (odds ratio about 1.5), C large (about 1.9)" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, key, value, label, clusters AS annotators, rest_clusters AS rest_annotators, items AS n, n AS votes, rate, rest, odds_ratio, low, high, delta, class, q, 1 - q AS score,
       format('on {:,} shared items annotators with {} = {} ({} people) give {} in {:.1f} % of their votes, the others in {:.1f} %; odds ratio {:.2f}, 95 % interval {:.2f} to {:.2f} (class {})',
              items, key, value, clusters, label, 100 * rate, 100 * rest, odds_ratio, low, high, class) AS message
FROM group_item_function
WHERE clusters >= $min_annotators AND rest_clusters >= $min_annotators AND items >= $min_items AND class >= $min_class AND q <= $max_q
QUALIFY row_number() OVER (PARTITION BY task, key, value ORDER BY abs(delta) DESC, label) = 1
