-- /// check
-- title      = "A person picks the option shown first far more often than the others"
-- why        = "The place on the screen decides the label; with options in a fixed order the error has a direction."
-- fix        = "Shuffle the options; look at the person's answers where another option is right."
-- wrong_when = "The options were not shuffled for this person, and the right one often stood first."
-- severity   = "warning"
-- tolerance  = "5%"
-- unit       = "annotator"
-- scope      = "dataset"
-- key        = ["task", "annotator_id"]
-- source     = "share of first options against chance and the other annotators, Benjamini-Hochberg over annotators"
-- optional   = ["annotator_position.peer_share"]
-- [params]
-- min_answers = { value = 30, help = "answers whose place is known" }
-- min_excess = { value = 0.1, help = "how far the interval of the share lies above chance and the others' share, 0..1" }
-- max_q = { value = 0.05, help = "largest corrected p value that counts" }
-- ///
SELECT task, annotator_id, n, "first", share, low, high, chance, peer_share, q, 1 - q AS score,
       format('chose the option shown first in {:.0f} % of {:,} answers (95 % interval {:.0f} to {:.0f} %); by chance {:.0f} %, the others {}',
              100 * share, n, 100 * low, 100 * high, 100 * chance, if(peer_share IS NULL, 'unknown', format('{:.0f} %', 100 * peer_share))) AS message
FROM annotator_position
WHERE n >= $min_answers AND low >= greatest(chance, coalesce(peer_share, 0)) + $min_excess AND q <= $max_q
