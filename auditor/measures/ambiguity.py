"""Every item on which people disagree: how much of it is the item's and how much the people's, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._ambiguity import ROUTES, judged, pairs, routed
from auditor.measures._poll import model, poll, tasks
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = (
    "items with dissenting votes: dissent beyond the people's usual errors, and whether guideline, retraining or relabelling helps"
)
SOURCE = (
    "errors of people: annotator_model; tail of a sum of unequal chances: Hoeffding, Annals of Mathematical Statistics 27, 1956; "
    "item or annotator: Plank, The 'Problem' of Human Label Variation, EMNLP 2022. Route: guideline if the labels are "
    "confusable (ambiguity_pair) and unclear >= 0.5; else retraining if at least half of the dissent is by weak people (20 "
    "compared votes, accuracy's interval 0.1 below the median person's); else relabel"
)
KEY = ("item", "task_code")
SPARSE = True
READS = ("vote", "vote_code", "vote_item", "vote_task", "annotator_model")
COLUMNS = {
    "item": Column("INTEGER", "code of the item in vote_item"),
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "item_id": Column("VARCHAR", "the item"),
    "task": Column("VARCHAR", "the question asked"),
    "votes": Column("INTEGER", "people who gave one answer"),
    "labels": Column("INTEGER", "different labels among them"),
    "label": Column("VARCHAR", "the most probable label (consensus)"),
    "other": Column("VARCHAR", "the label that most able dissenting votes give"),
    "probability": Column("DOUBLE", "probability of the consensus", "0..1"),
    "entropy": Column("DOUBLE", "entropy of the probabilities of all labels", "bits"),
    "dissent": Column("INTEGER", "votes for another label than the consensus"),
    "expected": Column("DOUBLE", "such votes, were the item like all others: sum of the people's usual errors"),
    "item_share": Column("DOUBLE", "share of the dissent that these errors do not explain", "0..1"),
    "surplus_p": Column("DOUBLE", "upper bound of the chance of so much dissent, were the item like all others", "0..1"),
    "able": Column("INTEGER", "votes by able people"),
    "able_dissent": Column("INTEGER", "of these, dissenting ones"),
    "weak": Column("INTEGER", "votes by weak people"),
    "weak_dissent": Column("INTEGER", "of these, dissenting ones"),
    "unclear": Column(
        "DOUBLE", "probability that it could be either of two confusable labels, by the able votes; 0 for others", "0..1"
    ),
    "route": Column("VARCHAR", "guideline | retraining | relabel"),
}


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Route the disagreement on each item of exclusive tasks.

    Args:
        inputs: the measures vote, vote_code, vote_item, vote_task, annotator_model.

    Returns:
        Arrow with `COLUMNS`, streamed: one row for each item with a vote against its consensus.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    modelled = {code for (code,) in con.sql("SELECT DISTINCT task_code FROM annotator_model").fetchall()}
    kinds = {"INTEGER": pa.int32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}
    codes = {"label": "label_code", "other": "other_code"}
    schema = pa.schema([
        (codes.get(name, name), pa.int32() if name in codes else kinds[spec.type])
        for name, spec in COLUMNS.items() if name not in {"item_id", "task"}
    ])  # fmt: skip
    parts = [schema.empty_table()]
    names = [task for task in tasks(con) if task[0] in modelled]
    for done, (code, _) in enumerate(names):
        inputs.progress("routing disagreement", done, len(names))
        read = poll(con, code)
        if read is None:
            continue
        made = judged(read, model(con, code, read.votes))
        got = routed(made, pairs(read, made), read.votes.items, read.votes.labels)
        rows = np.flatnonzero(got["dissent"] > 0)
        columns = {
            **{name: values[rows] for name, values in got.items()}, "item": read.item[rows], "task_code": np.full(len(rows), code),
            "label_code": read.label[made.best[rows]], "other_code": read.label[made.second[rows]],
            "probability": made.probability[rows], "entropy": made.entropy[rows], "route": np.array(ROUTES)[got["route"][rows]],
        }  # fmt: skip
        parts.append(pa.table({field.name: pa.array(columns[field.name], field.type) for field in schema}, schema=schema))
    con.register("told", pa.concat_tables(parts))
    return con.sql(_named()).to_arrow_reader(1 << 17)


def _named() -> str:
    """The rows with their texts, in the order of `COLUMNS`."""
    texts = {"item_id": "item_id", "task": "t.text AS task", "label": "l.text AS label", "other": "o.text AS other"}
    joins = "".join(
        f" JOIN vote_code AS {alias} ON {alias}.kind = '{kind}' AND {alias}.code = told.{code}"
        for alias, kind, code in (("t", "task", "task_code"), ("l", "label", "label_code"), ("o", "label", "other_code"))
    )
    return f"SELECT {', '.join(texts.get(name, f'told.{name}') for name in COLUMNS)} FROM told JOIN vote_item USING (item){joins}"
