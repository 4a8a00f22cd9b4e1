-- /// check
-- title      = "An annotation lacks an attribute that its label requires"
-- why        = "Code that filters or weights by the attribute drops the annotation, or takes its absence for a value."
-- fix        = "Send the annotations back with the attribute as a mandatory field; make the tool refuse to submit without it."
-- wrong_when = "The attribute was made mandatory after these were labelled, or the policy hides it from checks (show = \"no\"), so that all seem to lack it."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "datumaro validator, MissingAttribute"
-- optional   = ["annotation.attributes"]
-- ///
WITH needed AS (
  SELECT a.item_id, a.annotation_id, a.annotator_id, a.label,
         list_filter(o.required, lambda name: coalesce(trim(map_extract_value(a.attributes, name)), '') = '') AS lacking
  FROM annotation AS a JOIN ontology AS o USING (task, label)
  WHERE len(o.required) > 0
)
SELECT item_id, annotation_id, annotator_id, label, array_to_string(lacking, ', ') AS lacking,
       format('lacks {} required attribute{}: {}', len(lacking), if(len(lacking) = 1, '', 's'), array_to_string(lacking, ', ')) AS message
FROM needed
WHERE len(lacking) > 0
