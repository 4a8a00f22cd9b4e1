-- /// check
-- title      = "A label that others hold is missing in a split"
-- why        = "A split without a label cannot train it, or cannot test it: scores on that split are silent about it."
-- fix        = "Split anew, stratified by label (and by subject), or move items of the label."
-- wrong_when = "The split is meant to hold new or held-out labels (zero-shot, open set)."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "split", "label"]
-- source     = "probability that a random split of this size holds none of the n items: (1 - share) ^ n"
-- optional   = ["item"]
-- looks_at   = "SELECT 1 FROM split_shift WHERE source IN ('human', 'gold')"
-- nothing    = "no label was given by a person"
-- [params]
-- max_chance = { value = 0.001, help = "largest probability of missing it by chance at which it counts" }
-- ///
WITH part AS (
  SELECT task, source, split, items, items / sum(items) OVER (PARTITION BY task, source) AS share
  FROM split_shift WHERE source IN ('human', 'gold')
), label AS (
  SELECT task, source, label, CAST(sum(items) AS BIGINT) AS n FROM class_balance
  WHERE split <> '' AND source IN ('human', 'gold') GROUP BY ALL
), lacking AS (
  SELECT part.task, part.split, label.label, max(label.n) AS n, max(part.share) AS share, min(pow(1 - part.share, label.n)) AS chance
  FROM part JOIN label ON label.task = part.task AND label.source = part.source
  ANTI JOIN class_balance AS c ON c.task = part.task AND c.source = part.source AND c.split = part.split AND c.label = label.label
  GROUP BY ALL
)
SELECT task, split, label, n, chance, 1 - chance AS score,
       format('none of the {:,} items with {} is in {}, which holds {:.0f} % of the items', n, label, split, 100 * share) AS message
FROM lacking WHERE chance <= $max_chance
