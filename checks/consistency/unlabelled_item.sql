-- /// check
-- title      = "An item has no annotation by a person"
-- why        = "Missing labels read as 'nothing there': a detector is taught to overlook what stands in these items."
-- fix        = "Label them, leave them out of the release, or record 'nothing to see' as a label of its own."
-- wrong_when = "Items without objects are meant as negatives, or the release holds a pool that is still to be labelled."
-- severity   = "warning"
-- tolerance  = "1%"
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id"]
-- source     = "datumaro validator, MissingAnnotation; Deepchecks under-annotated segments"
-- optional   = ["item.split", "annotation", "vote_item"]
-- [params]
-- pool_share = { value = 0.5, help = "share of unlabelled items (0..1) above which they count as a pool and become one finding" }
-- ///
WITH machine AS (
  SELECT DISTINCT item_id FROM annotation WHERE source NOT IN ('human', 'gold')
), mere AS (
  SELECT item_id FROM machine ANTI JOIN (SELECT item_id FROM annotation WHERE source IN ('human', 'gold')) AS said USING (item_id)
), bare AS (
  SELECT item_id, split, count(*) OVER () AS unlabelled
  FROM item ANTI JOIN (SELECT item_id FROM vote_item ANTI JOIN mere USING (item_id)) AS said USING (item_id)
), every AS (
  SELECT count(*) AS items FROM item
)
SELECT item_id, split, unlabelled, format('no annotation by a person, as with {:,} of {:,} items', unlabelled, items) AS message
FROM bare, every
WHERE unlabelled <= $pool_share * items
UNION ALL
-- a large part is a pool still to be labelled: said once, not for each item
SELECT NULL, NULL, any_value(unlabelled),
       format('{:,} of {:,} item{} no annotation by a person', any_value(unlabelled), any_value(items), if(any_value(items) = 1, ' has', 's have')) AS message
FROM bare, every
WHERE unlabelled > $pool_share * items
HAVING count(*) > 0
