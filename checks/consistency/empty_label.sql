-- /// check
-- title      = "An annotation says nothing"
-- why        = "A blank or placeholder label trains as a class of its own, or stops an exporter."
-- fix        = "Ask the annotator again, or delete the annotation; forbid submitting without a choice."
-- wrong_when = "No label is an answer in this task, such as 'nothing to see': give it a label of its own in the ontology."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "Great Expectations expect_column_values_to_not_be_null; datumaro MissingAnnotation"
-- optional   = ["annotation.value", "annotation.text", "annotation.label", "ontology"]
-- [params]
-- placeholders = { value = ["nan", "null", "undefined", "#n/a"], help = "labels, in lower case, that exports write for a missing answer" }
-- ///
-- Only in tasks that use labels: a task of boxes without classes is not judged.
SELECT item_id, annotation_id, annotator_id, label, task,
       format('this {} of task {} has {}', if(type = 'class', 'answer', type), task,
              CASE WHEN label IS NULL THEN 'no label' WHEN trim(label) = '' THEN 'a blank label' ELSE 'a label that stands for nothing: ' || label END) AS message
FROM annotation
WHERE type IN ('class', 'box', 'polygon', 'mask', 'span', 'segment') AND value IS NULL AND coalesce(trim(text), '') = ''
  AND (label IS NULL OR trim(label) = '' OR (list_contains($placeholders, lower(trim(label)))
       AND (task, label) NOT IN (SELECT (task, label) FROM ontology)))
  AND task IN (SELECT task FROM class_balance WHERE trim(label) <> '')
