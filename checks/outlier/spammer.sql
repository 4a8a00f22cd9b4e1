-- /// check
-- title      = "A person's answers hardly depend on the items"
-- why        = "Answers by chance or by habit cost as much as good ones, and drown what the others know."
-- fix        = "Look at a sample of the answers with the person; leave their votes out of the consensus until that is settled."
-- wrong_when = "The person was given the items that nobody can tell, or understood the question the other way round (the share is then below 0)."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "share of informed answers against one half; spammer score: Raykar and Yu, JMLR 13, 2012; Benjamini-Hochberg over annotators"
-- [params]
-- min_votes = { value = 20, help = "votes that can be compared" }
-- max_informed = { value = 0.5, help = "largest upper end of the share of answers that come from the item as everybody's do" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, slip_given AS label, n, agreed, accuracy, peer_accuracy, informed, informed_low, informed_high, spammer_score, spammer_q,
       1 - spammer_q AS score,
       format('{:.0f} % of {:,} answers can be told from a habit or from guesses (95 % interval up to {:.0f} %); spammer score {:.2f}, 0 tells nothing',
              100 * greatest(informed, 0), n, 100 * informed_high, spammer_score) AS message
FROM annotator_skill
WHERE n >= $min_votes AND informed_high <= $max_informed AND spammer_q <= $max_q
