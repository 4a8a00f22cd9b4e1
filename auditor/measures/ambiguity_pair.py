"""Pairs of labels that able people confuse: where the guideline is unclear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._ambiguity import judged, pairs
from auditor.measures._poll import model, poll, tasks
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "pairs of labels: how often able people give one where the other is the consensus, beside the task's other pairs"
SOURCE = (
    "Poisson tests of the number of dissenting able votes against the rate of the other pairs, and of their heaping on items "
    "against slips that fall anywhere; twice the smaller p value; Wilson, JASA 22, 1927; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "label", "other")
SPARSE = True
READS = ("vote", "vote_code", "vote_task", "annotator_model")
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "label": Column("VARCHAR", "a label, the first in the alphabet"),
    "other": Column("VARCHAR", "the other label"),
    "n": Column("BIGINT", "votes of able people on items whose consensus is one of them"),
    "x": Column("BIGINT", "of these, votes for the other one"),
    "rate": Column("DOUBLE", "x / n", "0..1"),
    "low": Column("DOUBLE", "lower end of its 95 % Wilson interval, votes taken as independent", "0..1"),
    "high": Column("DOUBLE", "upper end", "0..1"),
    "other_rate": Column("DOUBLE", "the same of the task's other pairs together; NULL for two labels", "0..1"),
    "together": Column("BIGINT", "pairs of such votes on one item"),
    "together_expected": Column("DOUBLE", "such pairs, fell the same slips anywhere"),
    "people": Column("DOUBLE", "share of the able people with 5 votes on these items who confuse more than 1 in 20", "0..1"),
    "p": Column("DOUBLE", "chance of so many votes, or of so many together; NULL for n < 20", "0..1"),
    "q": Column("DOUBLE", "corrected over the pairs of the task", "0..1"),
    "confusable": Column("BOOLEAN", "q <= 0.05, and at least half of the people"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Compare the pairs of labels of each exclusive task.

    Args:
        inputs: the measures vote, vote_code, vote_task, annotator_model.

    Returns:
        Arrow with `COLUMNS`: one row for each pair of which an able person gave one where the other is the consensus.
    """
    import pyarrow as pa

    con = inputs.con
    modelled = {code for (code,) in con.sql("SELECT DISTINCT task_code FROM annotator_model").fetchall()}
    texts = [text for (text,) in con.sql("SELECT text FROM vote_code WHERE kind = 'label' ORDER BY code").fetchall()]
    kinds = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()}
    schema = pa.schema([(name, kinds[spec.type]) for name, spec in COLUMNS.items()])
    parts = [schema.empty_table()]
    for code, name in tasks(con):
        read = poll(con, code) if code in modelled else None
        if read is None:
            continue
        found = pairs(read, judged(read, model(con, code, read.votes)))
        size = len(found["a"])
        columns = {
            **found, "task": [name] * size, "label": [texts[read.label[one]] for one in found["a"]],
            "other": [texts[read.label[one]] for one in found["b"]], "together_expected": np.round(found["together_expected"], 9),
        }  # fmt: skip
        parts.append(
            pa.table(
                {column: pa.array(columns[column], kinds[spec.type], from_pandas=True) for column, spec in COLUMNS.items()},
                schema=schema,
            )
        )
    return pa.concat_tables(parts)
