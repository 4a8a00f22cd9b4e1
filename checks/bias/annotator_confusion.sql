-- /// check
-- title      = "A person keeps giving one class where the others agree on another"
-- why        = "It is a habit, not a slip: one border between two classes is somewhere else for this person, and all their answers there are off."
-- fix        = "Show the person five of these items; then relabel the ones where their answer decided."
-- wrong_when = "The person is the expert, or the guideline changed and the others still follow the old one."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id", "label", "truth"]
-- source     = "individual error rates against the leave-one-out majority: Dawid and Skene, Applied Statistics 28, 1979; Benjamini-Hochberg over people and pairs of classes"
-- looks_at   = "SELECT 1 FROM annotator_confusion JOIN vote_task USING (task_code) WHERE kind = 'others' AND exclusive AND NOT numeric"
-- nothing    = "nobody answered an item on which the others agree"
-- [params]
-- min_votes = { value = 20, help = "votes of the person where the others agree on the class" }
-- min_gap = { value = 0.2, help = "how far the lower end of the person's 95 % interval must lie above the rate of the others, 0..1" }
-- max_q = { value = 0.001, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, label, truth, x, n, rate, low, high, peer_rate, q, 1 - q AS score,
       format('says {} in {} of the {} answers where the others agree on {} ({:.0f} %, 95 % interval {:.0f} to {:.0f}); everybody else does so in {:.1f} %',
              label, x, n, truth, 100 * rate, 100 * low, 100 * high, 100 * peer_rate) AS message
FROM annotator_slip
WHERE n >= $min_votes AND low >= peer_rate + $min_gap AND q <= $max_q
