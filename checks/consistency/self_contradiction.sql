-- /// check
-- title      = "One person gave one item two different answers to the same question"
-- why        = "At most one of the answers is right; the majority vote leaves both out."
-- fix        = "Ask the person again, or keep the later answer if the first was a slip that the tool did not remove."
-- wrong_when = "Labels of the task need not exclude each other: say so in the ontology (exclusive = false)."
-- severity   = "warning"
-- tolerance  = "1%"
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task", "annotator_id"]
-- source     = "labels that the ontology calls exclusive are asked in exclusive_conflict; intra-annotator agreement: Krippendorff, Content Analysis, 2018, chapter 12 (stability)"
-- optional   = ["ontology"]
-- looks_at   = "SELECT 1 FROM vote_task WHERE exclusive AND several <= $max_share * answered AND task NOT IN (SELECT task FROM ontology WHERE exclusive)"
-- nothing    = "no task asks for one label, or exclusive_conflict judges it"
-- [params]
-- max_share = { value = 0.05, help = "share of answers with several labels above which the task counts as one that asks for several" }
-- ///
WITH answer AS (
  SELECT item, v.task, annotator, label, count(*) AS times
  FROM vote AS v
  JOIN vote_task AS t ON t.task_code = v.task AND t.exclusive AND t.several <= $max_share * t.answered
  ANTI JOIN (SELECT DISTINCT task FROM ontology WHERE exclusive) AS o ON o.task = t.task
  WHERE v.several AND v.source = 0 AND annotator IS NOT NULL
  GROUP BY ALL
), listed AS (
  SELECT item, task, annotator, sum(times) AS answers, count(*) AS labels, string_agg(c.text, ' and ' ORDER BY c.code) AS said
  FROM answer JOIN vote_code AS c ON c.kind = 'label' AND c.code = label
  GROUP BY item, task, annotator
)
SELECT i.item_id, t.text AS task, a.text AS annotator_id, answers, labels,
       format('one person answered {} times, with {} different labels: {}', answers, labels, said) AS message
FROM listed JOIN vote_item AS i USING (item)
JOIN vote_code AS t ON t.kind = 'task' AND t.code = task JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = annotator
