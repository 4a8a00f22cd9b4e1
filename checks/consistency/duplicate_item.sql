-- /// check
-- title      = "Items have the same content"
-- why        = "Copies count twice in training and in every statistic, and cost labelling time twice."
-- fix        = "Keep one item of each group, with its best annotations, and delete the others before splitting the data."
-- wrong_when = "Copies were put in on purpose, to measure how steady the annotators are."
-- severity   = "info"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["content"]
-- source     = "Deepchecks, Data Duplicates; CleanVision exact duplicates"
-- [params]
-- min_characters = { value = 20, help = "characters that a text must have to be compared: short ones recur by chance" }
-- ///
SELECT min(item_id) AS item_id, max(item_id) AS other_item, content, kind, count(*) AS items,
       format('{:,} items have the same {}', count(*), if(kind = 'file', 'file content', 'text')) AS message
FROM duplicate_content
WHERE kind = 'file' OR characters >= $min_characters
GROUP BY content, kind
