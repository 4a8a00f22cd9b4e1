-- /// check
-- title      = "A label is not in its task's ontology"
-- why        = "Exporters drop it or give it a class number of its own, and the model learns a class that nobody wanted."
-- fix        = "Correct the spelling if it is a slip, add the label to the ontology if it is meant, or send the items back for labelling."
-- wrong_when = "The ontology given is older than the labels."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["task", "label"]
-- source     = "datumaro validator, UndefinedLabel"
-- ///
-- Tasks of which the ontology says nothing are not judged.
WITH undefined AS (
  SELECT DISTINCT task, label FROM class_balance
  WHERE trim(label) <> '' AND task IN (SELECT task FROM ontology) AND (task, label) NOT IN (SELECT (task, label) FROM ontology)
)
SELECT task, label, min(item_id) AS item_id, min(annotation_id) AS annotation_id, count(*) AS annotations,
       format('{:,} annotation{} of task {} with a label that its ontology does not define: {}',
              count(*), if(count(*) = 1, '', 's'), task, label) AS message
FROM annotation JOIN undefined USING (task, label)
GROUP BY task, label
