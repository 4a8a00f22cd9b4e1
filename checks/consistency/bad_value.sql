-- /// check
-- title      = "A value in the source could not be read"
-- why        = "The audit went on without it, as if the annotator had not answered: statistics and training data lack it silently."
-- fix        = "Open the file at the value, correct it (decimal commas, dates in another order, text in a number column) and export again."
-- wrong_when = "The value is the source's way to say that there is none, such as 'n/a': leave the cell empty instead."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["kind", "item_id", "annotation_id", "file", "detail"]
-- source     = "domain integrity: ISO/IEC 25012 data quality model, syntactic accuracy"
-- optional   = ["annotation"]
-- ///
SELECT i.item_id, annotation_id, a.annotator_id, "of" AS kind, source_id, file, detail, coalesce(detail, 'a value could not be read') AS message
FROM intake AS i LEFT JOIN annotation AS a USING (annotation_id)
WHERE problem = 'bad_value'
