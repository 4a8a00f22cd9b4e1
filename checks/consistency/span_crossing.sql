-- /// check
-- title      = "Two spans of one annotator cross each other"
-- why        = "Spans that overlap without one holding the other fit no BIO scheme and no tree: one is cut or lost on export."
-- fix        = "Decide which words belong to which span; nest one in the other if both hold."
-- wrong_when = "Free overlap is meant, as in discourse or argument annotation."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["item_id", ["annotation_id", "other_annotation"]]
-- source     = "INCEpTION, crossing annotations"
-- optional   = ["annotation.annotator_id", "annotation.label"]
-- ///
WITH span AS (
  SELECT item_id, annotation_id, annotator_id, label, start_char, end_char, hash(item_id, task, source, annotator_id) AS code
  FROM annotation WHERE type = 'span' AND start_char >= 0 AND end_char > start_char
), met AS (
  -- only spans that touch another one enter the join: texts with thousands of spans stay cheap
  SELECT * FROM span
  QUALIFY max(end_char) OVER (PARTITION BY code ORDER BY start_char, end_char, annotation_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > start_char
    OR lead(start_char) OVER (PARTITION BY code ORDER BY start_char, end_char, annotation_id) < end_char
)
SELECT a.item_id, a.annotation_id, a.annotator_id, b.annotation_id AS other_annotation, a.label, b.label AS other_label,
       format('the spans {} to {} and {} to {} share {} character{} and neither holds the other', a.start_char, a.end_char, b.start_char, b.end_char,
              a.end_char - b.start_char, if(a.end_char - b.start_char = 1, '', 's')) AS message
FROM met AS a JOIN met AS b ON a.code = b.code AND a.item_id = b.item_id
  AND a.start_char < b.start_char AND b.start_char < a.end_char AND a.end_char < b.end_char
