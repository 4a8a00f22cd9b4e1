-- /// check
-- title      = "Two sources say different things of one item"
-- why        = "One value only can stand in the tables: the others are lost, and where the sources mean different things by one id, labels stand on the wrong item."
-- fix        = "Find which source is right and correct the other, or give items that are not the same different ids."
-- wrong_when = "A source measures in another way on purpose, such as the width of a thumbnail: leave that column out of its mapping."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "file", "detail"]
-- source     = "entity integrity: Codd, A Relational Model of Data for Large Shared Data Banks, CACM 13(6) 1970"
-- ///
SELECT item_id, file, detail, coalesce(detail, 'sources say different things of it') AS message
FROM intake WHERE problem = 'conflicting_value'
