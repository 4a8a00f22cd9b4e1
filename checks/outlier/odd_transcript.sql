-- /// check
-- title      = "A transcript has little in common with the others of its item, which agree"
-- why        = "It is of another clip, cut off, or no transcript at all."
-- fix        = "Listen to the clip, and write it again where the others are right."
-- wrong_when = "The others all left out, or all guessed, what this person heard."
-- severity   = "warning"
-- tolerance  = "2%"
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["annotation_id"]
-- source     = "word error rate against the ROVER consensus of the others, and the share of votes behind that (Fiscus 1997)"
-- optional   = ["annotation.annotator_id"]
-- looks_at   = "SELECT 1 FROM transcript_vote WHERE transcripts >= 4"
-- nothing    = "no item has four transcripts"
-- [params]
-- min_wer = { value = 0.7, help = "share of words that must differ from the others' consensus" }
-- min_share = { value = 0.8, help = "mean share of the others' votes behind that consensus" }
-- min_words = { value = 5, help = "words of the consensus: of two or three one slip is much" }
-- ///
SELECT item_id, annotation_id, annotator_id, word_errors, others_words, word_errors / others_words AS wer, others_share, transcripts,
       least(word_errors / others_words, 1) * others_share AS score,
       format('{:,} errors in {:,} words against what {:,} others say together, who agree on {:.0f} % of their words',
              word_errors, others_words, transcripts - 1, 100 * others_share) AS message
FROM transcript_vote
WHERE transcripts >= 4 AND others_words >= $min_words AND word_errors >= $min_wer * others_words AND others_share >= $min_share
