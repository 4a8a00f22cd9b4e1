-- /// check
-- title      = "An id stands more than once in a source"
-- why        = "Tools that look rows up by id keep one of them at random: labels are lost or come to stand on the wrong item."
-- fix        = "Find where rows were copied or two exports joined; delete true copies at the source, give a new id to rows that differ. The audit kept all rows, under ids of its own."
-- wrong_when = "The column mapped as the id is none, such as a file name in a table with one row per annotation: map another column."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["kind", "source_id", "file", "detail"]
-- source     = "entity integrity: Codd, A Relational Model of Data for Large Shared Data Banks, CACM 13(6) 1970"
-- optional   = ["annotation"]
-- ///
SELECT i.item_id, annotation_id, a.annotator_id, "of" AS kind, source_id, file, detail,
       coalesce(detail, format('the {} id {} stands more than once', "of", coalesce(source_id, '?'))) AS message
FROM intake AS i LEFT JOIN annotation AS a USING (annotation_id)
WHERE problem = 'duplicate_id'
