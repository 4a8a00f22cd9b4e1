-- /// check
-- title      = "A person gives higher or lower numbers than the others on the same items"
-- why        = "Items that this person rated come out better or worse than they are; with few ratings an item the ranking follows who rated."
-- fix        = "Go through ten of these items with the person; or subtract each person's shift before averaging."
-- wrong_when = "The person is the expert, or got items of which the others saw only some."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "leniency and severity: Saal, Downey, Lahey, Psychological Bulletin 88, 1980; leave-one-out mean; robust z of 3.5: Iglewicz and Hoaglin 1993; Benjamini-Hochberg"
-- optional   = ["annotator_rating.z", "annotator_rating.effect"]
-- [params]
-- min_votes = { value = 20, help = "numbers that can be compared" }
-- min_z = { value = 3.5, help = "robust deviations among the annotators' shifts from which a person stands out" }
-- min_effect = { value = 0.5, help = "smallest shift that counts, in standard deviations of one answer from the others' mean" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, compared AS n, mean, others, shift, low, high, peer_shift, z, effect, q, 1 - q AS score,
       format('gives {:.2f} on average where the others give {:.2f}, over {:,} items; difference {:+.2f}, 95 % interval {:+.2f} to {:+.2f}; the median person differs by {:+.2f}',
              mean, others, compared, shift, low, high, peer_shift) AS message
FROM annotator_rating
-- where most people never differ there is no scale of shifts: then any shift beyond chance counts
WHERE compared >= $min_votes AND coalesce(abs(z) >= $min_z, true) AND coalesce(abs(effect) >= $min_effect, true) AND q <= $max_q
