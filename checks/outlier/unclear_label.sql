-- /// check
-- title      = "People do not agree on one label, although they agree on the others"
-- why        = "The guideline leaves open what the label means: each annotator decides differently, and a model learns a blur."
-- fix        = "Read items where votes for this label and the one it is confused with meet; write down the rule that decides, with two examples, and relabel those."
-- wrong_when = "The label is a catch-all ('other'), or so rare that what is seen of it are slips from common labels."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "label"]
-- source     = "specific agreement: Cicchetti and Feinstein, J. Clinical Epidemiology 43, 1990; bootstrap of items"
-- optional   = ["agreement_label.third", "agreement_label.confused", "agreement_label.confused_share", "agreement_label.others", "agreement_label.third_high"]
-- [params]
-- min_items = { value = 30, help = "items with two votes of which one gives the label" }
-- max_agreement = { value = 0.5, help = "the interval of the label's agreement must end below, 0..1" }
-- min_gap = { value = 0.25, help = "how far it must end below the median of the other labels" }
-- min_labels = { value = 3, help = "labels of the task; of two, each is as unclear as the other" }
-- max_third = { value = 0.6, help = "where items have three votes: the interval of how often a third gives the label where two do must end below, 0..1" }
-- ///
SELECT task, label, items AS n, votes, prevalence, specific, specific_low, specific_high, others, alpha, third, confused, confused_share,
       1 - specific AS score,
       format('where one person gives {}, another does so in {:.0f} % (95 % interval {:.0f} to {:.0f} %, {:,} items), for the median other label in {:.0f} %; {}',
              label, 100 * specific, 100 * specific_low, 100 * specific_high, items, 100 * others,
              coalesce(format('{} is given instead in {:.0f} % of the differing pairs', confused, 100 * confused_share), 'nothing is given instead')) AS message
FROM (SELECT *, count(*) OVER (PARTITION BY task) AS labels FROM agreement_label)
WHERE items >= $min_items AND specific_high < $max_agreement AND specific_high < others - $min_gap
  AND coalesce(third_high, 0) < $max_third AND labels >= $min_labels
