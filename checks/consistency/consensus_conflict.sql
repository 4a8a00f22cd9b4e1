-- /// check
-- title      = "Most votes are for one label, but those who err less make another more probable"
-- why        = "A majority label is shipped that the more careful people deny: by their records it is wrong."
-- fix        = "Look at the item, or take the consensus (measures/consensus.parquet) in place of the majority."
-- wrong_when = "The weighty people share an error of their own, say after the same wrong instruction."
-- severity   = "info"
-- tolerance  = "10%"
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task"]
-- source     = "posterior of the method that predicts held-out votes best (consensus_method), against the majority"
-- looks_at   = "SELECT 1 FROM consensus WHERE label IS NOT NULL AND votes >= $min_votes"
-- nothing    = "no item has enough votes for labels that exclude each other"
-- [params]
-- min_votes = { value = 3, help = "votes that an item must have" }
-- min_probability = { value = 0.9, help = "smallest probability of the label, 0..1" }
-- ///
SELECT c.item_id, c.task, c.label, c.method, c.votes, c.label_votes, v.top AS majority, v.top_votes, c.probability, c.probability AS score,
       format('{} of {} votes are for {}, yet by the people''s errors ({}) {} has a probability of {:.2f}',
              v.top_votes, c.votes, v.top, c.method, c.label, c.probability) AS message
FROM consensus AS c JOIN item_vote AS v ON v.item = c.item AND v.task_code = c.task_code
WHERE c.votes >= $min_votes AND c.probability >= $min_probability AND NOT v.tie AND v.top_code <> c.label_code
