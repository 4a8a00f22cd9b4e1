-- /// check
-- title      = "The same content stands in two splits"
-- why        = "A model is tested on what it was trained on: its measured quality is too good to be true."
-- fix        = "Remove the copies from train (keep the test set as published), and split by content hash from now on."
-- wrong_when = "The splits are not for training and testing, or are cross-validation folds written into one column."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["content"]
-- source     = "Kapoor, Narayanan, Leakage and the reproducibility crisis, Patterns 4(9) 2023; Deepchecks Train Test Samples Mix"
-- looks_at   = "SELECT 1 FROM item WHERE trim(split) <> '' HAVING min(split) <> max(split)"
-- nothing    = "all items stand in one split"
-- [params]
-- min_characters = { value = 30, help = "characters that a text must have to be compared: short ones recur by chance" }
-- ///
WITH placed AS (
  SELECT content, kind, split, count(*) AS items, min(item_id) AS item_id
  FROM duplicate_content JOIN item USING (item_id)
  WHERE trim(split) <> '' AND (kind = 'file' OR characters >= $min_characters)
  GROUP BY content, kind, split
)
SELECT arg_min(item_id, split) AS item_id, arg_max(item_id, split) AS other_item, content, kind, sum(items) AS items,
       format('the same {} stands in {} splits: {}', if(any_value(kind) = 'file', 'file content', 'text'), count(*),
              string_agg(format('{} ({:,})', split, items), ', ' ORDER BY split)) AS message
FROM placed
GROUP BY content, kind
HAVING count(*) > 1
