-- /// check
-- title      = "A text is far longer or shorter than it should be"
-- why        = "A transcript with a tenth of the expected letters misses speech; one with ten times as many belongs to another recording or was padded."
-- fix        = "Listen to or read the item beside its text; look for a shift by one row first, which gives many at once."
-- wrong_when = "Some items hold mostly silence, or free remarks of any length are welcome."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["annotation_id"]
-- source     = "characters per second in transcription quality control; median and MAD: Rousseeuw, Croux, JASA 88(424) 1993; 1.4826 makes MAD a standard deviation on normal data"
-- optional   = ["item", "annotation.start_s", "annotation.end_s"]
-- [params]
-- z = { value = 6.0, help = "robust deviations, on a log scale, from which a text stands out" }
-- min_texts = { value = 30, help = "texts that a task must have to be judged" }
-- floor = { value = 0.15, help = "least spread assumed (natural log units; 0.15 is about 15 %)" }
-- ///
WITH said AS (
  SELECT a.item_id, a.annotation_id, a.annotator_id, a.task, a.source, length(trim(a.text)) AS characters,
         nullif(coalesce(a.end_s - a.start_s, i.duration), 0) AS seconds, hash(a.item_id, a.task, a.start_s) AS code
  FROM annotation AS a LEFT JOIN item AS i USING (item_id)
  WHERE a.type = 'text' AND trim(a.text) <> ''
), peers AS (
  -- hash codes keep the group-by cheap; three texts of one thing say best how long it should be
  SELECT code, median(characters) AS usual FROM said GROUP BY code HAVING count(*) >= 3
), compared AS (
  SELECT said.*, usual,
         CASE WHEN usual IS NOT NULL THEN 'the median of the texts of this item' WHEN seconds > 0 THEN 'the usual characters per second'
              ELSE 'the median length' END AS basis,
         ln(1 + characters) - CASE WHEN usual IS NOT NULL THEN ln(1 + usual) WHEN seconds > 0 THEN ln(seconds) ELSE 0 END AS v
  FROM said LEFT JOIN peers USING (code)
), scale AS (
  SELECT task, source, basis, count(*) AS n, median(v) AS middle, mad(v) AS spread FROM compared GROUP BY task, source, basis HAVING count(*) >= $min_texts
), judged AS (
  SELECT *, exp(v - middle) AS times, (v - middle) / (1.4826 * greatest(spread, $floor)) AS z FROM compared JOIN scale USING (task, source, basis)
)
SELECT item_id, annotation_id, annotator_id, task, characters, basis, times, z, least(1.0, abs(z) / (4 * $z)) AS score,
       format('{:,} character{}, about {} {}', characters, if(characters = 1, '', 's'),
              if(times >= 1, format('{:,.1f} times', times), format('1/{:,.1f} of', 1 / times)), basis) AS message
FROM judged
WHERE abs(z) > $z
