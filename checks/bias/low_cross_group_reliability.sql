-- /// check
-- title      = "A group of annotators agrees among itself, and the others among themselves, but not with one another"
-- why        = "Averaged over both, labels stand for nobody's view; a model learns whichever group labelled more."
-- fix        = "Look at items where the two groups' majorities differ; discuss the guideline with both, or keep both views as labels of their own."
-- wrong_when = "The attribute stands for training or tool, and one group follows another version of the guideline on purpose."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "key", "value"]
-- source     = "cross-replication reliability: Wong, Paritosh, Aroyo, ACL 2021; groups drawn by lot among the annotators; Benjamini-Hochberg over all groups of the task"
-- looks_at   = "SELECT 1 FROM agreement_group WHERE q IS NOT NULL AND xrr IS NOT NULL"
-- nothing    = "no two groups of annotators voted on the same items"
-- [params]
-- min_annotators = { value = 15, help = "annotators that the group and the rest must each have" }
-- min_items = { value = 30, help = "items that both have voted on" }
-- max_xrr = { value = 0.9, help = "the interval of the reliability across over that within must end below" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, key, value, clusters AS annotators, rest_clusters AS rest_annotators, items AS n, xrr, xrr_low, xrr_high, "cross", within, rest, gap, q, 1 - q AS score,
       format('annotators with {} = {} ({} people) agree among themselves at {:.2f}, the others at {:.2f}, both with one another at {:.2f}: {:.0f} % of what can be had (95 % interval {:.0f} to {:.0f} %, {:,} items)',
              key, value, clusters, within, rest, "cross", 100 * xrr, 100 * xrr_low, 100 * xrr_high, items) AS message
FROM agreement_group
WHERE clusters >= $min_annotators AND rest_clusters >= $min_annotators AND items >= $min_items AND xrr_high < $max_xrr AND q <= $max_q
