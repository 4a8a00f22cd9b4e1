-- /// check
-- title      = "A person gave one label in a run that the others' labels make next to impossible"
-- why        = "Whoever always presses the same key is not looking; the labels are worth nothing and cost the same."
-- fix        = "Look at a sample from the run; if they are no better than chance, let the items be labelled again and talk to the person."
-- wrong_when = "Items came sorted by class, or in bursts of one scene, and nobody else labelled them."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "probability of a run: (n - run + 1) * share ^ run, with the label's share among the other people's votes"
-- optional   = ["annotator_summary.run_agreement", "annotator_summary.peer_agreement"]
-- [params]
-- min_run = { value = 10, help = "length of the run" }
-- max_chance = { value = 1e-06, help = "largest probability of such a run" }
-- min_gap = { value = 0.2, help = "how far the agreement within the run lies below the median person's, 0..1, where both are known" }
-- ///
SELECT task, annotator_id, run_label AS label, longest_run, run_chance, run_compared AS n, run_agreement, peer_agreement, 1 - run_chance AS score,
       format('gave {} {:,} times in a row, in {:,} answers; one who labels like the others would do so with probability {:.1g} at most',
              run_label, longest_run, items, greatest(run_chance, 1e-300)) AS message
FROM annotator_summary
WHERE longest_run >= $min_run AND run_chance <= $max_chance AND coalesce(run_agreement <= peer_agreement - $min_gap, true)
