-- /// check
-- title      = "A person's transcripts differ from the others' far more than people's usually do"
-- why        = "Their words are wrong, or their spelling is another one: models learn both."
-- fix        = "Listen to three of the items with most errors: a poor ear needs other clips, a misread guideline a talk, a guesser's clips are done again."
-- wrong_when = "The person got the hard clips, or is the expert among laymen."
-- severity   = "warning"
-- tolerance  = "10%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "word error rate pooled over items against the ROVER consensus of the others (Fiscus 1997); bootstrap interval of items; Welch's test against all others; Benjamini-Hochberg over annotators"
-- optional   = ["transcript_agreement.wer_low", "transcript_agreement.q", "transcript_agreement.peer_wer"]
-- [params]
-- min_items = { value = 20, help = "items that can be compared" }
-- min_gap = { value = 0.05, help = "how far the interval must lie above the error rate of all others together" }
-- max_q = { value = 0.01, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, items AS n, words, errors, wer, wer_low, wer_high, cer, peer_wer, q, 1 - q AS score,
       format('{:.0f} words of {:,} differ from what the others say together: {:.0f} % (95 % interval {:.0f} to {:.0f} %) over {:,} items, all others {:.0f} %',
              CAST(errors AS DOUBLE), words, 100 * wer, 100 * wer_low, 100 * wer_high, items, 100 * peer_wer) AS message
FROM transcript_agreement
WHERE against = 'consensus' AND annotator_id IS NOT NULL AND items >= $min_items AND wer_low >= peer_wer + $min_gap AND q <= $max_q
