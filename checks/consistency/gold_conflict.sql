-- /// check
-- title      = "Gold says two things of one item"
-- why        = "People who are measured by it are wrong whichever they choose, and one of the labels is."
-- fix        = "Look at the item and keep one label; many at once come from two gold files that were put together."
-- wrong_when = "Both labels can hold: mark the task as not exclusive in the ontology."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task"]
-- source     = "referential integrity: one truth an item; labellint conflicting labels"
-- looks_at   = "SELECT 1 FROM annotation WHERE source = 'gold' AND type = 'class'"
-- nothing    = "there are no gold labels"
-- ///
WITH said AS (
  SELECT DISTINCT item_id, task, label FROM annotation WHERE source = 'gold' AND type = 'class' AND trim(label) <> ''
)
SELECT item_id, task, min(label) AS label, max(label) AS other_label, count(*) AS labels,
       format('gold says {} and {}{}', min(label), max(label), if(count(*) > 2, format(', and {} more', count(*) - 2), '')) AS message
FROM said JOIN vote_task USING (task)
WHERE exclusive
GROUP BY item_id, task
HAVING count(*) > 1
