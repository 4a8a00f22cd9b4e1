-- /// check
-- title      = "A span is marked twice with the same label"
-- why        = "It counts twice in training and in scores; one of the two stays behind when the other is corrected."
-- fix        = "Delete one of the two; look whether an export was merged with itself."
-- wrong_when = "Two mentions at one place are meant, such as overlapping relations that need an anchor each."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "item"
-- key        = ["item_id", "task", "source", "annotator_id", "label", "start_char", "end_char"]
-- source     = "INCEpTION, stacked identical annotations"
-- optional   = ["annotation.annotator_id", "annotation.label"]
-- ///
WITH span AS (
  SELECT item_id, annotation_id, task, source, annotator_id, label, start_char, end_char,
         hash(item_id, task, source, annotator_id, label, start_char, end_char) AS code
  FROM annotation WHERE type = 'span' AND start_char IS NOT NULL AND end_char IS NOT NULL
)
SELECT item_id, min(annotation_id) AS annotation_id, task, source, annotator_id, label, start_char, end_char, count(*) AS copies,
       format('one annotator marked characters {} to {} with the same label, {:,} times', start_char, end_char, count(*)) AS message
FROM span SEMI JOIN (SELECT code FROM span GROUP BY code HAVING count(*) > 1) AS often USING (code)
GROUP BY item_id, task, source, annotator_id, label, start_char, end_char
HAVING count(*) > 1
