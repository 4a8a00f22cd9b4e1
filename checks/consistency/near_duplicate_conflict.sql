-- /// check
-- title      = "Nearly equal images carry different labels"
-- why        = "One scene is taught as two classes: one label is likely wrong."
-- fix        = "Let one expert look at both and settle the label."
-- wrong_when = "What tells the classes apart is too small to survive at 64 x 64 pixels, such as a serial number or a hairline crack."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "dataset"
-- key        = [["item_id", "other_item"], "task"]
-- source     = "Deepchecks issue 2421, near-duplicate conflicts; Zauner 2010"
-- optional   = ["annotation.annotator_id", "annotation.parent_id", "annotation.frame"]
-- looks_at   = "SELECT 1 FROM annotation WHERE type = 'class' AND label IS NOT NULL AND source IN ('human', 'gold')"
-- nothing    = "no person gave an item as a whole a label"
-- [params]
-- max_hamming = { value = 5, help = "bits in which the perceptual hashes may differ (0..5)" }
-- min_correlation = { value = 0.9, help = "correlation of brightness at 64 x 64 (-1..1) that two copies reach" }
-- max_block = { value = 0.4, help = "largest difference that one of 8 x 8 blocks may show, in standard deviations of brightness: copies differ a little everywhere, different pictures much somewhere" }
-- ///
WITH near AS (
  SELECT item_a, item_b, correlation FROM image_pair
  WHERE hamming <= $max_hamming AND correlation >= $min_correlation AND block_distance <= $max_block
), one AS (
  SELECT item_a AS item_id FROM near UNION SELECT item_b FROM near
), said AS (
  -- gold settles an item; else each person has one vote, and an answer without a name is a person of its own
  SELECT item_id, task, label, coalesce(annotator_id, annotation_id) AS voter
  FROM annotation SEMI JOIN one USING (item_id)
  WHERE type = 'class' AND source IN ('human', 'gold') AND label IS NOT NULL AND parent_id IS NULL AND frame IS NULL
  QUALIFY source = 'gold' OR NOT bool_or(source = 'gold') OVER (PARTITION BY item_id, task)
), voted AS (
  SELECT item_id, task, count(DISTINCT voter) AS voters FROM said GROUP BY item_id, task
), tally AS (
  SELECT item_id, task, label, count(DISTINCT voter) AS votes FROM said GROUP BY item_id, task, label
), answer AS (
  -- the labels that more than half gave: one where labels exclude each other, a set where they do not, none where people disagree
  SELECT item_id, task, string_agg(label, ' + ' ORDER BY label) AS answer
  FROM tally JOIN voted USING (item_id, task) WHERE 2 * votes > voters GROUP BY item_id, task
)
SELECT n.item_a AS item_id, n.item_b AS other_item, a.task, a.answer AS label, b.answer AS other_label, n.correlation AS score,
       format('nearly the same picture as another item, but {} here and {} there', a.answer, b.answer) AS message
FROM near AS n JOIN answer AS a ON a.item_id = n.item_a JOIN answer AS b ON b.item_id = n.item_b AND b.task = a.task
WHERE a.answer <> b.answer
