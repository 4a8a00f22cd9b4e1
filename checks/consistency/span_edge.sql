-- /// check
-- title      = "A span begins or ends in the wrong place"
-- why        = "Half words and stray blanks make two annotators disagree who mean the same, and tokenisers drop or stretch such spans."
-- fix        = "Let the tool snap spans to words and trim blanks; correct those that remain by hand."
-- wrong_when = "Parts of words are labelled on purpose (compounds, stems, clitics), or the language writes without blanks."
-- severity   = "warning"
-- tolerance  = "1%"
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "doccano and INCEpTION boundary checks"
-- optional   = ["annotation.label"]
-- ///
WITH cut AS (
  SELECT a.item_id, a.annotation_id, a.annotator_id, a.label, a.start_char, a.end_char,
         substring(i.text, start_char + 1, 1) AS first, substring(i.text, end_char, 1) AS last,
         if(start_char > 0, substring(i.text, start_char, 1), '') AS before, substring(i.text, end_char + 1, 1) AS after
  FROM annotation AS a JOIN item AS i USING (item_id)
  WHERE a.type = 'span' AND start_char >= 0 AND end_char > start_char AND end_char <= length(i.text)
), judged AS (
  -- letters of scripts that put blanks between words; a full stop or bracket at the end may belong to the name
  SELECT *, regexp_matches(first, '[\s\x{00A0}]') AS blank_first, regexp_matches(last, '[\s\x{00A0}]') AS blank_last,
         regexp_matches(first, '[,;:.!?]') AND end_char - start_char > 1 AS mark_first, regexp_matches(last, '[,;:]') AND end_char - start_char > 1 AS mark_last,
         regexp_matches(before || first, '^[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Nd}]{2}$') AS cut_first,
         regexp_matches(last || after, '^[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Nd}]{2}$') AS cut_last
  FROM cut
)
SELECT item_id, annotation_id, annotator_id, label, start_char, end_char,
       format('the span from {} to {} {}', start_char, end_char, concat_ws(' and ',
         CASE WHEN blank_first THEN 'begins with a blank' WHEN mark_first THEN 'begins with a punctuation mark' WHEN cut_first THEN 'begins within a word' END,
         CASE WHEN blank_last THEN 'ends with a blank' WHEN mark_last THEN 'ends with a punctuation mark' WHEN cut_last THEN 'ends within a word' END)) AS message
FROM judged
WHERE blank_first OR blank_last OR mark_first OR mark_last OR cut_first OR cut_last
