-- /// check
-- title      = "A person is far faster than the others on the same task"
-- why        = "Answers given faster than the item can be seen are guesses, a script, or a default that was left standing."
-- fix        = "Look at a sample of the answers; if they are no better than chance, let the items be labelled again."
-- wrong_when = "The person got the easy items, corrects good pre-labels, or the tool counts time differently for them."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "robust z of log medians (Iglewicz and Hoaglin 1993), and a share of the peers' median, both"
-- [params]
-- min_annotations = { value = 20, help = "annotations with a time" }
-- max_share = { value = 0.33, help = "largest share of the peers' median time" }
-- max_z = { value = -3.0, help = "largest robust z of the log of the median time" }
-- ///
SELECT task, annotator_id, timed AS n, median_seconds, peer_seconds, seconds_z, agreement, least(1.0, 1 - median_seconds / peer_seconds) AS score,
       format('half of {:,} answers took less than {} s, the median person takes {:,.1f} s (robust z {:.1f})', timed,
              if(median_seconds < 1, format('{:.2g}', median_seconds), format('{:,.1f}', median_seconds)), peer_seconds, seconds_z) AS message
FROM annotator_summary
WHERE timed >= $min_annotations AND median_seconds <= $max_share * peer_seconds AND seconds_z <= $max_z
