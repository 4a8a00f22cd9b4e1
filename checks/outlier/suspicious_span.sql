-- /// check
-- title      = "A model is sure of another span, or of another label, than what was marked"
-- why        = "Missed and mislabelled mentions teach a tagger to miss them, and count as its mistakes when it is scored."
-- fix        = "Look at the words: mark what was missed, mend the edges or the label. Many of one kind: the guideline is silent there."
-- wrong_when = "The model was trained on these very texts, or follows another guideline on where a name begins and ends."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["model", "annotation_id"]
-- source     = "Wang and Mueller, Detecting Label Errors in Token Classification Data, NeurIPS InterNLP workshop 2022"
-- optional   = ["annotation.annotator_id", "span_quality.suggested_start", "span_quality.suggested_end", "span_quality.seen", "span_quality.suggested", "span_quality.confidence"]
-- [params]
-- max_score = { value = 0.05, help = "largest quality of a span that counts: a model must be 95 % sure of something else" }
-- min_of = { value = 20, help = "human spans of a label, before the model's silence counts as a sign" }
-- ///
SELECT item_id, annotation_id, annotator_id, model, task, kind, label, suggested, confidence, start_char, end_char, suggested_start, suggested_end, seen, 1 - score AS score,
       CASE kind
         WHEN 'overlooked' THEN format('{} is {:.0f} % sure of {} here, and nobody marked a word of it', model, 100 * confidence, label)
         WHEN 'edge' THEN format('marked from {} to {}; {} is {:.0f} % sure that it reaches from {} to {}', start_char, end_char, model, 100 * confidence, suggested_start, suggested_end)
         WHEN 'label' THEN format('marked as {}; {} is {:.0f} % sure of {}', label, model, 100 * confidence, suggested)
         ELSE format('marked as {}, and {} sees nothing here, while it sees {:.0f} % of all {}', label, model, 100 * seen, label)
       END AS message
FROM span_quality
WHERE score <= $max_score AND kind <> 'same' AND (kind <> 'alone' OR "of" >= $min_of)
