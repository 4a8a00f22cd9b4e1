-- /// check
-- title      = "One person gave one item the same answer more than once"
-- why        = "Double submissions count twice in majorities and in pay; they hint at an import or merge that ran twice."
-- fix        = "Keep one of the copies; look whether two exports were merged."
-- wrong_when = "Items are shown again on purpose, to measure how stable people are."
-- severity   = "warning"
-- tolerance  = "1%"
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task", "annotator_id", "label"]
-- source     = "equality of item, task, annotator and label"
-- ///
WITH copy AS (
  SELECT item, task, annotator, label, count(*) + 1 AS times
  FROM vote WHERE repeat AND annotator IS NOT NULL GROUP BY item, task, annotator, label
)
SELECT i.item_id, t.text AS task, a.text AS annotator_id, l.text AS label, times,
       format('one person gave the answer {} {} times', l.text, times) AS message
FROM copy JOIN vote_item AS i USING (item) JOIN vote_code AS t ON t.kind = 'task' AND t.code = task
JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = annotator JOIN vote_code AS l ON l.kind = 'label' AND l.code = copy.label
