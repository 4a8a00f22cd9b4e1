-- /// check
-- title      = "A person agrees with the others far less than people usually do"
-- why        = "Their labels pull the data away from what everybody else sees."
-- fix        = "Look at the commonest slip (in the report's annotator table): a misread guideline is cured by a talk, a guesser by labelling again."
-- wrong_when = "The person is the expert among laymen, or the question has no common answer."
-- severity   = "warning"
-- tolerance  = "10%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "Wilson interval against the median annotator, binomial test, Benjamini-Hochberg over annotators"
-- [params]
-- min_votes = { value = 20, help = "votes that can be compared" }
-- min_gap = { value = 0.1, help = "how far the interval must lie below the median person's agreement, 0..1" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, slip_given AS label, compared AS n, agreed, agreement, agreement_low, agreement_high, peer_agreement, agreement_q,
       slip_others, slip_votes, 1 - agreement_q AS score,
       format('agrees with the majority of the others in {:.0f} % of {:,} votes (95 % interval {:.0f} to {:.0f} %), the median person in {:.0f} %',
              100 * agreement, compared, 100 * agreement_low, 100 * agreement_high, 100 * peer_agreement) AS message
FROM annotator_summary
WHERE compared >= $min_votes AND agreement_high <= peer_agreement - $min_gap AND agreement_q <= $max_q
