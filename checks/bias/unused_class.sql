-- /// check
-- title      = "A label of the ontology is never used"
-- why        = "A model cannot learn it, and its absence may mean that people did not know of it or could not reach it in the tool."
-- fix        = "Find items of it, or take it out of the ontology; look whether a label with a similar name is used instead."
-- wrong_when = "The ontology serves several datasets."
-- severity   = "info"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "label"]
-- source     = "anti-join of ontology and labels"
-- optional   = ["item", "ontology.parent"]
-- ///
WITH used AS (
  SELECT task, label, CAST(sum(annotations) AS BIGINT) AS n FROM class_balance WHERE source IN ('human', 'gold') GROUP BY task, label
), total AS (
  SELECT task, CAST(sum(n) AS BIGINT) AS n FROM used GROUP BY task
)
SELECT o.task, o.label, total.n, format('{} is allowed, but {} it', o.label,
  if(total.n = 1, 'the only annotation does not have', format('none of {:,} annotations has', total.n))) AS message
FROM ontology AS o JOIN total USING (task) ANTI JOIN used ON used.task = o.task AND used.label = o.label
WHERE NOT EXISTS (SELECT 1 FROM ontology AS c WHERE c.task = o.task AND c.parent = o.label)
