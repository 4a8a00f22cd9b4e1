-- /// check
-- title      = "An annotation has another type than the ontology asks for"
-- why        = "A box where a polygon is required is skipped or misread by the training code of that class."
-- fix        = "Label these again with the right tool, or correct the ontology if both types are wanted."
-- wrong_when = "The ontology names one type where the guideline allows several: leave its type empty."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "labellint, label and shape type mismatch"
-- ///
SELECT a.item_id, a.annotation_id, a.annotator_id, a.label, a.task, a.type AS given, o.type AS wanted,
       format('a {} where the ontology asks for a {}', a.type, o.type) AS message
FROM annotation AS a JOIN ontology AS o USING (task, label)
WHERE a.type <> o.type
