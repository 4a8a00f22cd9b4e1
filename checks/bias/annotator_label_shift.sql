-- /// check
-- title      = "A person gives a label far more often than the others do on the same items"
-- why        = "One person's habit becomes the data's: the label is too wide there, and the labels it displaces too narrow."
-- fix        = "Show the person ten of these items beside the others' answers; let the rest be labelled again."
-- wrong_when = "The person is the expert and the others are not; or got items chosen for being hard."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id", "label"]
-- source     = "paired difference of shares against the leave-one-out majority, centred on the median annotator; Benjamini-Hochberg over annotators and labels"
-- [params]
-- min_votes = { value = 30, help = "votes that can be compared" }
-- min_shift = { value = 0.15, help = "smallest difference of shares beyond the median annotator's, 0..1" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, label, compared AS n, given, others, shift, peer_shift, q, 1 - q AS score,
       format('this person says {} in {:.0f} % of {} votes where the others'' majority says so in {:.0f} %; the median person differs by {:+.0f} points',
              label, 100.0 * given / compared, compared, 100.0 * others / compared, 100 * peer_shift) AS message
FROM annotator_label
WHERE compared >= $min_votes AND shift - peer_shift >= $min_shift AND q <= $max_q
