-- /// check
-- title      = "Annotations speak of an item that does not exist"
-- why        = "They are counted in statistics but never reach training; often an item was deleted or renamed and its labels were forgotten."
-- fix        = "Bring the item back if it was dropped by mistake, follow the renaming, or delete the annotations."
-- wrong_when = "The item list given to the audit is only part of the release."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id"]
-- source     = "referential integrity: Codd 1970; labellint orphan labels"
-- optional   = ["item"]
-- ///
WITH lost AS (
  SELECT item_id FROM vote_item ANTI JOIN item USING (item_id)
)
SELECT a.item_id, min(a.annotation_id) AS annotation_id, count(*) AS annotations,
       format('{:,} annotation{} of an item that the item list does not hold', count(*), if(count(*) = 1, '', 's')) AS message
FROM annotation AS a JOIN lost USING (item_id)
-- the stage invents an item id for rows that gave none; consistency/missing_id has them
WHERE a.item_id NOT IN (SELECT item_id FROM intake WHERE problem = 'missing_id' AND item_id IS NOT NULL)
GROUP BY a.item_id
