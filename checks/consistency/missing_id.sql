-- /// check
-- title      = "A row has no id, or does not say which item it is about"
-- why        = "Such a row cannot be traced, corrected or joined: a label without its item teaches nothing."
-- fix        = "Export again with ids. Rows without an item are best deleted; an annotation without an id of its own needs one before it can be waived or reviewed."
-- wrong_when = "The source leaves ids out on purpose for some rows, such as pre-labels that nobody has opened yet."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["kind", "annotation_id", "file"]
-- source     = "entity integrity: Codd, A Relational Model of Data for Large Shared Data Banks, CACM 13(6) 1970"
-- optional   = ["annotation"]
-- ///
SELECT i.item_id, annotation_id, a.annotator_id, "of" AS kind, file,
       coalesce(detail, format('a row that should name its {} does not', "of")) AS message
FROM intake AS i LEFT JOIN annotation AS a USING (annotation_id)
WHERE problem = 'missing_id'
