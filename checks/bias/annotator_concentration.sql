-- /// check
-- title      = "One person gave most of the annotations of a label"
-- why        = "The label means what that person thinks it means; and a split that does not separate annotators rewards a model for learning the person."
-- fix        = "Spread the label over more people, have a sample of it labelled again, and test on annotators that training has not seen."
-- wrong_when = "One specialist labels this class by design."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "label", "annotator_id"]
-- source     = "annotator bias: Geva, Goldberg, Berant, Are We Modeling the Task or the Annotator?, EMNLP 2019"
-- [params]
-- max_share = { value = 0.5, help = "largest share of a label that one person may have given" }
-- min_annotations = { value = 50, help = "annotations of the label" }
-- min_annotators = { value = 3, help = "known people of the task" }
-- min_lift = { value = 2.0, help = "how many times the person's share of the whole task it must be" }
-- ///
SELECT task, label, annotator_id, votes, of_label AS n, share_of_label, share_of_task, share_of_label AS score,
       format('one person gave {:,} of {:,} annotations of {} ({:.0f} %), but {:.0f} % of all; {} people took part',
              votes, of_label, label, 100 * share_of_label, 100 * share_of_task, annotators) AS message
FROM annotator_label
WHERE share_of_label > $max_share AND of_label >= $min_annotations AND annotators >= $min_annotators AND share_of_label >= $min_lift * share_of_task
