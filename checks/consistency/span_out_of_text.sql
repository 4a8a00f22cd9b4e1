-- /// check
-- title      = "A span points outside its text"
-- why        = "Cutting the text at these offsets gives nothing or the wrong words; tokenisers stop or shift all later labels."
-- fix        = "Look whether offsets count bytes, UTF-16 units or tokens instead of characters, and whether the text was changed after labelling. Then draw the span again."
-- wrong_when = "The text in the release is a shortened copy of what was labelled."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "doccano and INCEpTION offset checks"
-- optional   = ["annotation.label"]
-- ///
SELECT item_id, annotation_id, annotator_id, label, start_char, end_char,
       CASE WHEN start_char IS NULL OR end_char IS NULL THEN 'the span lacks an offset'
            WHEN start_char < 0 THEN format('the span begins at {}, before the text', start_char)
            WHEN end_char <= start_char THEN format('the span from {} to {} holds no character', start_char, end_char)
            ELSE format('the span ends at {}, the text has {} character{}', end_char, length(i.text), if(length(i.text) = 1, '', 's')) END AS message
FROM annotation AS a JOIN item AS i USING (item_id)
WHERE a.type = 'span'
  AND (start_char IS NULL OR end_char IS NULL OR start_char < 0 OR end_char <= start_char OR end_char > length(i.text))
