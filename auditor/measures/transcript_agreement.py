"""How far each annotator's transcripts are from what the others say, and from gold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _transcripts
from auditor.measures._resample import MIN_CLUSTERS, ratios
from auditor.measures._stats import benjamini_hochberg, clustered, difference
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs


MEANING = "pooled word and character error rates of each task and annotator against the consensus of the others, and against gold"
SOURCE = (
    "word error rate pooled over items (sum of errors / sum of words); bootstrap of items: Efron and Tibshirani 1993, chapter 13; "
    "against peers: Welch's test of two clustered ratios, Benjamini and Hochberg 1995"
)
KEY = ("task", "against", "annotator_id")
READS = ("transcript_vote",)
EMPTY = "no item has two transcripts, or one and a gold text"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "against": Column("VARCHAR", "consensus: of the others of each item | gold"),
    "annotator_id": Column("VARCHAR", "who made the transcripts; NULL for everybody together", needs="annotation.annotator_id"),
    "items": Column("BIGINT", "items compared: the clusters of the interval"),
    "words": Column("BIGINT", "words of the texts compared with"),
    "errors": Column("BIGINT", "words put in, left out or replaced"),
    "wer": Column("DOUBLE", "errors / words; above 1 where much was put in", "0.."),
    "wer_low": Column("DOUBLE", "lower end of its 95 % interval; NULL for fewer than 10 items"),
    "wer_high": Column("DOUBLE", "upper end"),
    "cer": Column("DOUBLE", "the same in characters; NULL against gold", "0.."),
    "wer_drawn": Column("DOUBLE", "wer drawn towards the average by 100 words of it", "0.."),
    "rank": Column("BIGINT", "1 for the highest wer among the annotators of the task with at least 10 items; NULL for the others"),
    "peer_wer": Column("DOUBLE", "pooled rate of all others; NULL where there are none"),
    "p": Column("DOUBLE", "one-sided p value of wer > peer_wer", "0..1"),
    "q": Column("DOUBLE", "corrected over the annotators of the task", "0..1"),
}
_QUERY = """
WITH told AS (
  SELECT task, 'consensus' AS against, item_id, annotator_id, others_words AS n, word_errors AS x,
         others_characters AS cn, character_errors AS cx
  FROM transcript_vote WHERE word_errors IS NOT NULL
  UNION ALL
  SELECT task, 'gold', item_id, annotator_id, gold_words, gold_word_errors, NULL, NULL
  FROM transcript_vote WHERE gold_words IS NOT NULL
)
SELECT task, against, annotator_id, item_id, CAST(sum(n) AS DOUBLE) AS n, CAST(sum(x) AS DOUBLE) AS x,
       CAST(sum(cn) AS DOUBLE) AS cn, CAST(sum(cx) AS DOUBLE) AS cx
FROM (SELECT * FROM told WHERE annotator_id IS NOT NULL UNION ALL SELECT * REPLACE (NULL AS annotator_id) FROM told)
GROUP BY task, against, annotator_id, item_id
ORDER BY task, against, annotator_id NULLS FIRST, item_id
"""


def compute(inputs: Inputs) -> pa.Table:
    """Pool the errors of every annotator and of everybody.

    Args:
        inputs: the measure transcript_vote.

    Returns:
        Arrow with `COLUMNS`.
    """
    import pyarrow as pa

    rows = inputs.con.sql(_QUERY).to_arrow_table().combine_chunks()
    names = {name: rows[name].combine_chunks().dictionary_encode() for name in ("task", "against", "annotator_id")}
    code = {name: made.indices.fill_null(-1).to_numpy(zero_copy_only=False) for name, made in names.items()}
    new = np.ones(rows.num_rows, bool)
    if rows.num_rows:
        new[1:] = np.any([values[1:] != values[:-1] for values in code.values()], axis=0)
    group = np.cumsum(new) - 1
    head = np.flatnonzero(new)
    n, x, cn, cx = (np.asarray(rows[name].fill_null(0).to_numpy(), np.float64) for name in ("n", "x", "cn", "cx"))
    size, words, errors = (np.asarray(np.bincount(group, values, len(head)), np.float64) for values in (np.ones(len(group)), n, x))
    value, low, high = ratios(group, x, n, len(head), inputs.seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        cer = np.bincount(group, cx, len(head)) / np.bincount(group, cn, len(head))
    everyone = code["annotator_id"][head] < 0
    family = np.cumsum(everyone) - 1  # everybody together comes first of a task and a kind of comparison
    squares = [np.asarray(np.bincount(group, values, len(head)), np.float64) for values in (n * n, x * n, x * x)]
    own = clustered(size, words, errors, *squares)
    # Of the others together an item is one cluster: what the annotator has of it is taken out of the sums, not of its squares.
    total = np.flatnonzero(everyone)[family]
    rest = (errors[total] - errors, words[total] - words)
    _, spread = clustered(*(values[total] for values in (size, words, errors, *squares)))
    with np.errstate(invalid="ignore", divide="ignore"):
        peer = np.where(everyone | (rest[1] <= 0), np.nan, rest[0] / rest[1])
    gap, _, _, both = difference((*own, size), (peer, spread, size[total]))
    p = np.where(gap > 0, both / 2, 1 - both / 2)
    pulled, rank, q = np.full(len(head), np.nan), np.zeros(len(head), np.int64), np.full(len(head), np.nan)
    for one in np.unique(family):
        mine = np.flatnonzero((family == one) & ~everyone)
        pulled[mine] = _transcripts.drawn(errors[mine], words[mine])
        enough = mine[size[mine] >= MIN_CLUSTERS]
        rank[enough[np.lexsort((enough, -np.round(value[enough], 12)))]] = np.arange(1, len(enough) + 1)
        q[mine] = benjamini_hochberg(p[mine])
    at = pa.array(head)
    made = {
        **{name: rows[name].take(at) for name in ("task", "against", "annotator_id")},
        "items": size.astype(np.int64), "words": words.astype(np.int64), "errors": errors.astype(np.int64),
        "rank": pa.array(rank, mask=rank == 0),
    }  # fmt: skip
    real = {"wer": value, "wer_low": low, "wer_high": high, "cer": cer, "wer_drawn": pulled, "peer_wer": peer, "p": p, "q": q}
    return pa.table({name: made[name] if name in made else pa.array(real[name], from_pandas=True) for name in COLUMNS})
