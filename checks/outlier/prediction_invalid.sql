-- /// check
-- title      = "A model's numbers are no probabilities"
-- why        = "Scores of label quality are computed from them; rows that hold no probabilities are left out there or brought to sum 1."
-- fix        = "Write probabilities (softmax), one for each class, in the order of the classes; look for logits, log-probabilities or a class list of another model."
-- wrong_when = "The classes do not exclude each other and each has its own probability, but the ontology does not say so."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id", "task", "model"]
-- source     = "axioms of probability"
-- optional   = ["model", "ontology"]
-- [params]
-- slack = { value = 0.02, help = "how far the sum may be from 1: half-precision numbers of many classes lose some" }
-- ///
WITH told AS (
  SELECT p.item_id, p.task, p.model, len(p.probs) AS n, len(m.classes) AS classes, list_sum(p.probs) AS total, list_min(p.probs) AS low, list_max(p.probs) AS high,
         list_count(p.probs) AS given,
         p.task NOT IN (SELECT task FROM ontology WHERE exclusive IS false) AS exclusive
  FROM prediction AS p LEFT JOIN model AS m ON m.model = p.model AND m.task = p.task
), judged AS (
  SELECT *, CASE
    WHEN coalesce(n, 0) = 0 THEN 'there are no numbers'
    WHEN n <> classes THEN format('there {} for {} classes', if(n = 1, 'is 1 number', format('are {} numbers', n)), classes)
    WHEN given < n OR NOT isfinite(total) THEN 'a number is missing, not a number, or infinite'
    WHEN low < 0 OR high > 1 + $slack THEN format('the numbers reach from {:.3g} to {:.3g}', low, high)
    WHEN exclusive AND abs(total - 1) > $slack THEN format('the {} number{} to {:.3f}', n, if(n = 1, ' comes', 's sum'), total)
  END AS message
  FROM told
)
SELECT item_id, task, model, n, classes, total, message FROM judged WHERE message IS NOT NULL
