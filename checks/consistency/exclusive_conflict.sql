-- /// check
-- title      = "One annotator gave two labels that exclude each other"
-- why        = "At least one of the two is wrong, and which one a training set keeps is chance."
-- fix        = "Ask the annotator which one holds. If both can hold, the ontology is wrong: mark the task as not exclusive."
-- wrong_when = "The annotator saw the item twice on purpose, to measure how steady the answers are, or changed the answer and the tool kept both."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task", "source", "annotator_id", "parent_id", "frame"]
-- source     = "Label Studio taxonomy and single-choice controls; labellint exclusive classes"
-- optional   = ["annotation.annotator_id", "annotation.parent_id", "annotation.frame", "ontology.parent"]
-- looks_at   = "SELECT 1 FROM annotation WHERE type = 'class' AND task IN (SELECT task FROM ontology WHERE exclusive)"
-- nothing    = "no task whose labels exclude each other, by its ontology, asks for the class of an item"
-- ///
WITH RECURSIVE above AS (
  -- every label with all its broader ones; UNION, not UNION ALL, so that a circle in the ontology ends
  SELECT task, label, parent FROM ontology WHERE parent IS NOT NULL
  UNION
  SELECT above.task, above.label, o.parent FROM above JOIN ontology AS o ON o.task = above.task AND o.label = above.parent
  WHERE o.parent IS NOT NULL
), suspect AS MATERIALIZED (
  -- of people's answers only those to items on which somebody gave two need a second look: one in thousands
  SELECT item_id FROM vote_item SEMI JOIN (SELECT item FROM vote WHERE several) AS s USING (item)
), coded AS (
  -- an answer without a name may come from anybody, except in gold; integers pass through the group-by, text only for the few it leaves
  SELECT hash(item_id, task, source, annotator_id, parent_id, frame) AS code, hash(label) AS answer
  FROM annotation
  WHERE type = 'class' AND label IS NOT NULL AND (annotator_id IS NOT NULL OR source = 'gold')
    AND task IN (SELECT task FROM ontology WHERE exclusive)
    AND (source <> 'human' OR item_id IN (SELECT item_id FROM suspect))
), torn AS MATERIALIZED (
  SELECT code FROM coded GROUP BY code HAVING min(answer) <> max(answer)
), said AS MATERIALIZED (
  SELECT item_id, annotation_id, task, source, annotator_id, parent_id, frame, label,
         hash(item_id, task, source, annotator_id, parent_id, frame) AS code
  FROM annotation
  WHERE type = 'class' AND label IS NOT NULL AND (source <> 'human' OR item_id IN (SELECT item_id FROM suspect))
    AND hash(item_id, task, source, annotator_id, parent_id, frame) IN (SELECT code FROM torn)
), pair AS (
  SELECT a.item_id, a.task, a.source, a.annotator_id, a.parent_id, a.frame, a.annotation_id, a.label, b.label AS other_label
  FROM said AS a JOIN said AS b
    ON a.code = b.code AND a.item_id = b.item_id AND a.task = b.task AND a.label < b.label
  WHERE (a.task, a.label, b.label) NOT IN (SELECT (task, label, parent) FROM above)
    AND (a.task, b.label, a.label) NOT IN (SELECT (task, label, parent) FROM above)
)
SELECT item_id, task, source, annotator_id, parent_id, frame, min(annotation_id) AS annotation_id, min(label) AS label,
       max(other_label) AS other_label, format('one annotator says both {} and {}', min(label), max(other_label)) AS message
FROM pair
GROUP BY item_id, task, source, annotator_id, parent_id, frame
