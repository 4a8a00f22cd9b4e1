-- /// check
-- title      = "Able people confuse two labels"
-- why        = "Those who do well elsewhere differ here: the guideline does not say where one label ends, and training cannot help."
-- fix        = "Add a rule and examples for this pair to the guideline, then label the items that it leaves open again (measures/ambiguity.parquet)."
-- wrong_when = "The question has no single answer (taste, offence): keep the spread of votes instead."
-- severity   = "info"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "label", "other"]
-- source     = "dissent of able people for one pair against the other pairs, and its heaping on items; Benjamini-Hochberg over pairs"
-- looks_at   = "SELECT 1 FROM annotator_model WHERE label <> truth"
-- nothing    = "no item has two votes for labels that exclude each other"
-- [params]
-- min_votes = { value = 50, help = "votes of able people on items whose consensus is one of the two" }
-- min_rate = { value = 0.05, help = "smallest lower end of the share of these that are for the other label, 0..1" }
-- ///
SELECT task, label, other, n, x, rate, low, high, other_rate, together, together_expected, people, q, 1 - q AS score,
       format('{:.0f} % of {:,} votes of able people take {} and {} for one another (95 % interval {:.0f} to {:.0f} %){}; {:.0f} % of these people do so',
              100 * rate, n, label, other, 100 * low, 100 * high, if(other_rate IS NULL, '', format(', other pairs {:.1f} %', 100 * other_rate)), 100 * people) AS message
FROM ambiguity_pair
WHERE confusable AND n >= $min_votes AND low >= $min_rate
