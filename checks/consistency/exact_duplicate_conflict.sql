-- /// check
-- title      = "Items with the same content carry different labels"
-- why        = "The same input cannot be two things: one label is wrong, or the label depends on something that the item does not hold."
-- fix        = "Let one expert settle the content and copy the answer to all its items; then delete the copies, which count twice in training."
-- wrong_when = "Context outside the item decides, such as the turns before an utterance: put the context into the item, or raise min_characters."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["content", "task"]
-- source     = "Deepchecks, Conflicting Labels"
-- optional   = ["annotation.annotator_id", "annotation.parent_id", "annotation.frame"]
-- looks_at   = "SELECT 1 FROM annotation WHERE type = 'class' AND label IS NOT NULL AND source IN ('human', 'gold')"
-- nothing    = "no person gave an item as a whole a label"
-- [params]
-- min_characters = { value = 20, help = "characters that a text must have to be compared: short ones recur by chance" }
-- ///
WITH copy AS (
  SELECT item_id, content, kind FROM duplicate_content WHERE kind = 'file' OR characters >= $min_characters
), said AS (
  -- gold settles an item; else each person has one vote, and an answer without a name is a person of its own
  SELECT item_id, task, label, coalesce(annotator_id, annotation_id) AS voter
  FROM annotation SEMI JOIN copy USING (item_id)
  WHERE type = 'class' AND source IN ('human', 'gold') AND label IS NOT NULL AND parent_id IS NULL AND frame IS NULL
  QUALIFY source = 'gold' OR NOT bool_or(source = 'gold') OVER (PARTITION BY item_id, task)
), voted AS (
  SELECT item_id, task, count(DISTINCT voter) AS voters FROM said GROUP BY item_id, task
), tally AS (
  SELECT item_id, task, label, count(DISTINCT voter) AS votes FROM said GROUP BY item_id, task, label
), answer AS (
  -- the labels that more than half gave: one where labels exclude each other, a set where they do not, none where people disagree
  SELECT item_id, task, string_agg(label, ' + ' ORDER BY label) AS answer
  FROM tally JOIN voted USING (item_id, task) WHERE 2 * votes > voters GROUP BY item_id, task
), grouped AS (
  SELECT content, task, answer, count(*) AS items, min(item_id) AS item_id
  FROM answer JOIN copy USING (item_id) GROUP BY content, task, answer
)
SELECT arg_min(item_id, (items, answer)) AS item_id, arg_min(answer, (items, answer)) AS label, content, task,
       arg_max(item_id, (items, answer)) AS other_item, sum(items) AS items,
       format('{:,} items with the same content have {} different answers to {}: {}', CAST(sum(items) AS BIGINT), count(*), task,
              string_agg(format('{} ({:,})', answer, items), ', ' ORDER BY items DESC, answer)) AS message
FROM grouped
GROUP BY content, task
HAVING count(*) > 1
