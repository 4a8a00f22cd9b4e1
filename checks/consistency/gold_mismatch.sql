-- /// check
-- title      = "Most people contradict the gold label"
-- why        = "Either the gold label is wrong, and everybody measured by it is measured wrongly, or the guideline misleads people here."
-- fix        = "Look at the item: correct the gold label, or explain the case in the guideline."
-- wrong_when = "Gold comes from a test that people cannot see (a biopsy, a sensor): raise min_share."
-- severity   = "warning"
-- tolerance  = "2%"
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task"]
-- source     = "majority vote against gold"
-- optional   = ["ontology"]
-- looks_at   = "SELECT 1 FROM item_vote AS v JOIN vote_task AS t ON t.task_code = v.task_code AND t.exclusive AND NOT t.numeric WHERE v.votes >= $min_votes"
-- nothing    = "no item has enough votes for labels that exclude each other"
-- [params]
-- min_votes = { value = 3, help = "votes that an item must have" }
-- min_share = { value = 0.6, help = "share of the votes that the leading label must have" }
-- ///
WITH truth AS (
  SELECT item, task, any_value(gold) AS gold FROM vote WHERE source = 4 AND gold IS NOT NULL GROUP BY item, task
)
SELECT v.item_id, v.task, v.top AS label, g.text AS gold, v.votes, v.top_share AS score,
       format('{} of {} people say {}, gold says {}', v.top_votes, v.votes, v.top, g.text) AS message
FROM item_vote AS v JOIN truth ON truth.item = v.item AND truth.task = v.task_code
JOIN vote_task AS t ON t.task_code = v.task_code AND t.exclusive AND NOT t.numeric
JOIN vote_code AS g ON g.kind = 'label' AND g.code = truth.gold
WHERE v.votes >= $min_votes AND v.top_code <> truth.gold AND NOT v.tie AND v.top_share >= $min_share
