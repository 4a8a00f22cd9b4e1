-- /// check
-- title      = "A person's numbers hardly follow those of the others"
-- why        = "Numbers that rise and fall with nobody else's carry no information about the items: guesses, a scale read upside down, or another question answered."
-- fix        = "Look at the items where the difference is largest: a reversed scale is cured by turning it, a guesser by rating again."
-- wrong_when = "Taste is what is asked for, or the person is the expert among laymen."
-- severity   = "warning"
-- tolerance  = "10%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "correlation with the leave-one-out mean, Fisher's z against the median annotator (Metron 1, 1921), Benjamini-Hochberg over annotators"
-- [params]
-- min_votes = { value = 20, help = "numbers that can be compared" }
-- min_gap = { value = 0.2, help = "how far the interval must lie below the median person's correlation" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, compared AS n, correlation, correlation_low, correlation_high, peer_correlation, correlation_q, distance, peer_distance,
       1 - correlation_q AS score,
       format('correlates with the others'' mean at {:.2f} over {:,} items (95 % interval {:.2f} to {:.2f}), the median person at {:.2f}',
              correlation, compared, correlation_low, correlation_high, peer_correlation) AS message
FROM annotator_rating
WHERE compared >= $min_votes AND correlation_high <= peer_correlation - $min_gap AND correlation_q <= $max_q
