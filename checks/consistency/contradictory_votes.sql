-- /// check
-- title      = "People disagree about an item and no label has a majority"
-- why        = "Whatever label is kept is a guess: the item is ambiguous, the guideline is silent, or somebody erred."
-- fix        = "Let an expert decide these items; where one pair of labels keeps returning, sharpen the guideline for it."
-- wrong_when = "Disagreement is the subject of study (opinions, ratings of taste): keep all votes and disable this check."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task"]
-- source     = "majority vote; entropy as a measure of ambiguity: Plank, The 'Problem' of Human Label Variation, EMNLP 2022"
-- optional   = ["ontology"]
-- looks_at   = "SELECT 1 FROM item_vote AS v JOIN vote_task AS t ON t.task_code = v.task_code AND t.exclusive AND NOT t.numeric WHERE v.votes >= $min_votes"
-- nothing    = "no item has several votes for labels that exclude each other"
-- [params]
-- min_votes = { value = 2, help = "votes that an item must have" }
-- max_share = { value = 0.5, help = "largest share of the leading label that still counts as no majority" }
-- ///
SELECT v.item_id, v.task, v.top AS label, v.votes, v.labels, v.entropy,
       least(1.0, v.entropy / log2(greatest(v.labels, 2))) AS score,
       format('{} people gave {} different labels; the leading one has {} of {} votes', v.votes, v.labels, v.top_votes, v.votes) AS message
FROM item_vote AS v JOIN vote_task AS t ON t.task_code = v.task_code AND t.exclusive AND NOT t.numeric
WHERE v.votes >= $min_votes AND v.labels > 1 AND v.top_share <= $max_share
