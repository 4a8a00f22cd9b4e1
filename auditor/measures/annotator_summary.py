"""Each annotator beside the others: how much, how fast, how much in agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import benjamini_hochberg, wilson
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "each annotator and task: votes, agreement with the majority of the others and with gold, time, runs, commonest slip"
SOURCE = (
    "Wilson, JASA 22, 1927; binomial test against the peers' median; Benjamini and Hochberg, JRSS B 57, 1995; "
    "robust z: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993"
)
KEY = ("task", "annotator_id")
EMPTY = "no task has labels that exclude each other, or numbers, and says who gave them"
READS = ("annotator_confusion", "annotator_run", "vote", "vote_code", "vote_task")
PEER_VOTES = 20  # annotators with fewer votes do not count among the peers whose median is taken
_FEW = f"fewer than 3 people have {PEER_VOTES} votes that can be compared"
_ALONE = "no item has two votes for labels that exclude each other"
_TIMED = "annotation.seconds"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "annotations": Column("BIGINT", "class and value annotations, all of them"),
    "items": Column("BIGINT", "items answered"),
    "compared": Column(
        "BIGINT",
        "votes on items where the others have a majority: n of the agreement; 0 for numbers, which seldom equal one another",
    ),
    "agreed": Column("BIGINT", "of these, votes for that majority"),
    "agreement": Column("DOUBLE", "agreed over compared; NULL where nothing compares", "0..1", absent=_ALONE),
    "agreement_low": Column("DOUBLE", "lower end of its 95 % Wilson interval", "0..1", absent=_ALONE),
    "agreement_high": Column("DOUBLE", "upper end", "0..1", absent=_ALONE),
    "peer_agreement": Column("DOUBLE", "median agreement of the annotators of the task who have enough votes", "0..1", absent=_FEW),
    "agreement_p": Column(
        "DOUBLE", "probability of agreeing so seldom, were the annotator like the median peer", "0..1", absent=_FEW
    ),
    "agreement_q": Column("DOUBLE", "the same, corrected over the annotators of the task", "0..1", absent=_FEW),
    "gold_compared": Column("BIGINT", "votes on items with a gold label"),
    "gold_agreed": Column("BIGINT", "of these, right ones"),
    "gold_agreement": Column("DOUBLE", "right over all; NULL without gold", "0..1"),
    "gold_low": Column("DOUBLE", "lower end of its 95 % Wilson interval", "0..1"),
    "gold_high": Column("DOUBLE", "upper end", "0..1"),
    "median_seconds": Column("DOUBLE", "median time spent on an annotation", "seconds", needs=_TIMED),
    "timed": Column("BIGINT", "annotations with a time spent"),
    "peer_seconds": Column("DOUBLE", "median of the annotators' medians", "seconds", needs=_TIMED),
    "seconds_z": Column(
        "DOUBLE",
        "robust z of the log of median_seconds among the annotators; NULL for fewer than 3",
        needs=_TIMED,
        absent="fewer than 3 people have times",
    ),
    "longest_run": Column(
        "BIGINT", "longest run of one label; NULL where time does not order the votes", needs="annotation.created_at"
    ),
    "run_label": Column("VARCHAR", "its label", needs="annotation.created_at"),
    "run_compared": Column("BIGINT", "votes of the run on items where the others have a majority"),
    "run_agreement": Column("DOUBLE", "share of these for that majority; NULL where nothing compares", "0..1"),
    "run_chance": Column(
        "DOUBLE",
        "upper bound of the probability of such a run for one who labels like the others",
        "0..1",
        needs="annotation.created_at",
    ),
    "entropy": Column("DOUBLE", "entropy of the labels given", "bits"),
    "slip_given": Column("VARCHAR", "commonest disagreement with the majority of the others: label given"),
    "slip_others": Column("VARCHAR", "… and the majority's label"),
    "slip_votes": Column("BIGINT", "… and how often"),
}
# Medians over annotators are of few values; sums of logs are rounded so that they do not depend on the order of addition.
_QUERY = """
WITH base AS (
  SELECT task, annotator, count(*) AS annotations, count(*) FILTER (first) AS items,
         median(seconds) FILTER (seconds > 0) AS median_seconds, count(seconds) FILTER (seconds > 0) AS timed
  FROM vote WHERE source = 0 AND annotator IS NOT NULL GROUP BY task, annotator
), held AS (
  SELECT task_code AS task, annotator,
         CAST(coalesce(sum(votes) FILTER (kind = 'others'), 0) AS BIGINT) AS compared,
         CAST(coalesce(sum(votes) FILTER (kind = 'others' AND label = truth), 0) AS BIGINT) AS agreed,
         CAST(coalesce(sum(votes) FILTER (kind = 'gold'), 0) AS BIGINT) AS gold_compared,
         CAST(coalesce(sum(votes) FILTER (kind = 'gold' AND label = truth), 0) AS BIGINT) AS gold_agreed
  FROM annotator_confusion GROUP BY ALL
), spread AS (
  SELECT task_code AS task, annotator, round(log2(sum(votes)) - sum(votes * log2(votes)) / sum(votes), 9) AS entropy
  FROM annotator_confusion WHERE kind = 'all' GROUP BY ALL
), slip AS (
  SELECT task_code AS task, annotator, label, truth, votes FROM annotator_confusion WHERE kind = 'others' AND label <> truth
  QUALIFY row_number() OVER (PARTITION BY task_code, annotator ORDER BY votes DESC, label, truth) = 1
), pace AS (
  SELECT task, median(ln(median_seconds)) AS centre, mad(ln(median_seconds)) AS deviation, count(median_seconds) AS people
  FROM base WHERE timed > 0 GROUP BY task
)
SELECT t.task, a.text AS annotator_id, annotations, items, coalesce(held.compared, 0) AS compared,
       coalesce(held.agreed, 0) AS agreed, coalesce(gold_compared, 0) AS gold_compared,
       coalesce(gold_agreed, 0) AS gold_agreed, median_seconds, timed, exp(centre) AS peer_seconds,
       if(people >= 3, (ln(median_seconds) - centre) / greatest(1.4826 * deviation, 0.05), NULL) AS seconds_z,
       r.run AS longest_run, rl.text AS run_label,
       if(t.numeric, NULL, r.compared) AS run_compared,
       if(t.numeric OR r.compared = 0, NULL, r.agreed / r.compared) AS run_agreement, r.chance AS run_chance, entropy,
       sg.text AS slip_given, so.text AS slip_others, slip.votes AS slip_votes
FROM base JOIN vote_task AS t ON t.task_code = base.task AND (t.exclusive OR t.numeric)
JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = base.annotator
LEFT JOIN held ON NOT t.numeric AND held.task = base.task AND held.annotator = base.annotator
LEFT JOIN spread ON spread.task = base.task AND spread.annotator = base.annotator
LEFT JOIN slip ON NOT t.numeric AND slip.task = base.task AND slip.annotator = base.annotator
LEFT JOIN pace ON pace.task = base.task
LEFT JOIN annotator_run AS r ON r.task_code = base.task AND r.annotator = base.annotator
LEFT JOIN vote_code AS rl ON rl.kind = 'label' AND rl.code = r.label
LEFT JOIN vote_code AS sg ON sg.kind = 'label' AND sg.code = slip.label
LEFT JOIN vote_code AS so ON so.kind = 'label' AND so.code = slip.truth
ORDER BY t.task, annotator_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Summarise the annotators of exclusive and numeric tasks.

    Args:
        inputs: the measures annotator_confusion, annotator_run, vote, vote_code, vote_task.

    Returns:
        Arrow with `COLUMNS`; a floor of 5 % under the deviation of log times keeps equally fast people from being outliers.
    """
    import pyarrow as pa
    from scipy import special

    table = inputs.con.sql(_QUERY).to_arrow_table()

    def numbers(name: str) -> np.ndarray:
        return np.asarray(table[name].to_numpy(), dtype=np.float64)

    added: dict[str, np.ndarray] = {}
    for prefix, of in (("agreement", ""), ("gold", "gold_")):
        x, n = numbers(f"{of}agreed"), numbers(f"{of}compared")
        added[f"{prefix}_low"], added[f"{prefix}_high"] = wilson(x, n)
        added["agreement" if not of else "gold_agreement"] = np.divide(x, n, out=np.full(len(n), np.nan), where=n > 0)
    compared = numbers("compared")
    tasks = table["task"].combine_chunks().dictionary_encode().indices.to_numpy() if table.num_rows else np.empty(0, np.int64)
    peer, p, q = (np.full(len(compared), np.nan) for _ in range(3))
    for task in np.unique(tasks):
        mine = tasks == task
        enough = mine & (compared >= PEER_VOTES)
        if enough.sum() >= 3:
            peer[mine] = np.median(added["agreement"][enough])
            p[mine] = np.where(
                compared[mine] > 0, special.bdtr(numbers("agreed")[mine], compared[mine].astype(np.int64), peer[mine]), np.nan
            )
            q[mine] = benjamini_hochberg(p[mine])
    added |= {"peer_agreement": peer, "agreement_p": p, "agreement_q": q}
    full = {name: table[name] if name in table.column_names else pa.array(added[name], from_pandas=True) for name in COLUMNS}
    return pa.table(full)
