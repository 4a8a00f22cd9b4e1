"""The label of each item that its votes make most probable, by the method chosen for its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _glad
from auditor.measures._ballots import posterior
from auditor.measures._crowdlab import crowdlab
from auditor.measures._numbers import weighted
from auditor.measures._poll import model, poll, tasks
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs
    from auditor.measures._ballots import Ballots
    from auditor.measures._poll import Poll

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MEANING = "the most probable label or value of each item by all its votes, weighing people by their errors"
SOURCE = (
    "method as in consensus_method and annotator_model; numbers: means weighted by the inverse variance of the people, as in "
    "Raykar et al., JMLR 11, 2010, section 5; with predictions also CROWDLAB: Goh, Tkachenko, Mueller, NeurIPS HILL workshop "
    "2022"
)
KEY = ("item", "task_code")
EMPTY = "no item has two votes for labels that exclude each other, or numbers"
READS = ("vote", "vote_code", "vote_item", "vote_task", "annotator_model", "prediction", "model")
OPTIONAL = ("annotator_model", "prediction", "model")
_ITEM = 6  # decimals of a value's error that do not depend on the order of a sum
COLUMNS = {
    "item": Column("INTEGER", "code of the item in vote_item"),
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "item_id": Column("VARCHAR", "the item"),
    "task": Column("VARCHAR", "the question asked"),
    "votes": Column("INTEGER", "people who gave one answer"),
    "method": Column("VARCHAR", "as in consensus_method; weighted_mean for numbers"),
    "label": Column("VARCHAR", "the most probable label, of equals the first in the alphabet; NULL for numbers"),
    "label_code": Column("INTEGER", "its code in vote_code"),
    "probability": Column("DOUBLE", "its probability given the votes and the method", "0..1"),
    "second": Column("VARCHAR", "the next label"),
    "second_code": Column("INTEGER", "its code in vote_code"),
    "second_probability": Column("DOUBLE", "its probability", "0..1"),
    "entropy": Column("DOUBLE", "entropy of the probabilities of all labels", "bits"),
    "label_votes": Column("INTEGER", "votes for the most probable label"),
    "value": Column("DOUBLE", "weighted mean of the numbers given; NULL for labels", absent="no answer is a number"),
    "value_error": Column("DOUBLE", "its standard error, were the people's errors independent", absent="no answer is a number"),
    "crowdlab": Column(
        "VARCHAR", "most probable label by the votes and the model's probabilities together", needs="prediction.probs"
    ),
    "crowdlab_probability": Column("DOUBLE", "its probability", "0..1", needs="prediction.probs"),
}
_NUMBERS = """
SELECT item, coalesce(annotator, -1) AS annotator, value FROM vote JOIN vote_code ON kind = 'label' AND code = label
WHERE first AND NOT several AND task = $task AND value IS NOT NULL ORDER BY vote
"""
_PROBS = """
SELECT item, probs FROM prediction JOIN vote_item USING (item_id)
WHERE task = $task AND model = $model AND len(probs) = $width ORDER BY item
"""
_SAID = (
    "SELECT item, task_code, item_id, t.text AS task, votes, method, l.text AS label, label_code, probability, s.text AS second, "
    "second_code, second_probability, entropy, label_votes, said.value, value_error, c.text AS crowdlab, crowdlab_probability "
    "FROM said JOIN vote_item USING (item) JOIN vote_code AS t ON t.kind = 'task' AND t.code = task_code "
    "LEFT JOIN vote_code AS l ON l.kind = 'label' AND l.code = label_code "
    "LEFT JOIN vote_code AS s ON s.kind = 'label' AND s.code = second_code "
    "LEFT JOIN vote_code AS c ON c.kind = 'label' AND c.code = crowdlab_code"
)


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """The consensus on every item of exclusive and numeric tasks.

    Args:
        inputs: the measures vote, vote_code, vote_item, vote_task, annotator_model and the tables prediction, model.

    Returns:
        Arrow with `COLUMNS`, streamed: one row for each item and task with a vote. Gold is not looked at.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    kinds = {"INTEGER": pa.int32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}
    names = {**{name: spec.type for name, spec in COLUMNS.items()}, "crowdlab_code": "INTEGER"}
    for text in ("item_id", "task", "label", "second", "crowdlab"):
        del names[text]
    schema = pa.schema([(name, kinds[kind]) for name, kind in names.items()])
    parts = [schema.empty_table()]
    for columns in _all(con, inputs):
        arrays = [
            pa.array(columns[name], kind) if name in columns else pa.nulls(len(columns["item"]), kind)
            for name, kind in zip(schema.names, schema.types, strict=True)
        ]
        parts.append(pa.table(dict(zip(schema.names, arrays, strict=True)), schema=schema))
    con.register("said", pa.concat_tables(parts))
    return con.sql(_SAID).to_arrow_reader(1 << 17)


def _all(con: duckdb.DuckDBPyConnection, inputs: Inputs) -> Iterator[dict[str, Any]]:
    modelled = {code for (code,) in con.sql("SELECT DISTINCT task_code FROM annotator_model").fetchall()}
    names = [task for task in tasks(con) if task[0] in modelled]
    for done, (code, name) in enumerate(names):
        inputs.progress("weighing votes", done, len(names))
        read = poll(con, code)
        if read is not None:
            yield from _labels(con, code, name, read)
    for (code,) in con.sql("SELECT task_code FROM vote_task WHERE numeric ORDER BY task_code").fetchall():
        found = con.execute(_NUMBERS, {"task": code}).fetchnumpy()
        if len(found["item"]):
            yield _values(code, found)


def _values(task: int, found: dict[str, Any]) -> dict[str, Any]:
    seen, item = np.unique(found["item"], return_inverse=True)
    means = weighted(item, np.unique(found["annotator"], return_inverse=True)[1], found["value"])
    size = len(seen)
    return {
        "item": seen, "task_code": np.full(size, task), "votes": np.bincount(item, minlength=size),
        "method": ["weighted_mean"] * size, "value": means.value.round(9), "value_error": means.error.round(_ITEM),
    }  # fmt: skip


def _labels(con: duckdb.DuckDBPyConnection, task: int, name: str, read: Poll) -> Iterator[dict[str, Any]]:
    votes = read.votes
    made = model(con, task, votes)
    ease = _glad.glad(votes).probability if made.method == "glad" else None
    given = _predictions(con, name, read)
    mixed = crowdlab(votes, given).probability if given is not None else None
    for first, last in votes.blocks():
        probability = ease[first:last] if ease is not None else posterior(votes, first, last, made.log_error, made.log_prior)[0]
        yield {
            "item": read.item[first:last], "task_code": np.full(last - first, task), "method": [made.method] * (last - first),
            **_judged(votes, first, last, probability, read.label), **_mixed(mixed, first, last, read.label),
        }  # fmt: skip


def _judged(votes: Ballots, first: int, last: int, probability: Floats, labels: npt.NDArray[np.int32]) -> dict[str, Any]:
    """What the posteriors of a range of items say; rounded, so that ties do not depend on the last digit."""
    row = np.arange(last - first)
    probability = probability.round(9)
    best = probability.argmax(axis=1)
    rest = probability.copy()
    rest[row, best] = -1
    second = rest.argmax(axis=1)
    positive = np.maximum(probability, 1e-300)
    size = np.diff(votes.start[first : last + 1])
    label = votes.label[votes.pair[votes.start[first] : votes.start[last]]]
    supported = np.bincount(np.repeat(row, size), label == np.repeat(best, size), len(row))
    several = votes.labels > 1
    return {
        "votes": size, "label_code": labels[best], "probability": probability[row, best], "label_votes": supported.astype(np.int64),
        "entropy": np.maximum(-(positive * np.log2(positive)).sum(axis=1), 0.0).round(9),
        **({"second_code": labels[second], "second_probability": probability[row, second]} if several else {}),
    }  # fmt: skip


def _mixed(mixed: Floats | None, first: int, last: int, labels: npt.NDArray[np.int32]) -> dict[str, Any]:
    if mixed is None:
        return {}
    part = mixed[first:last].round(9)
    best = part.argmax(axis=1)
    return {"crowdlab_code": labels[best], "crowdlab_probability": part[np.arange(last - first), best]}


def _predictions(con: duckdb.DuckDBPyConnection, task: str, read: Poll) -> Floats | None:
    """Probabilities of the labels that people gave, shape (items, labels); None unless a model knows all labels and every item.

    Of several such models the first in the alphabet.
    """
    query = "SELECT text FROM vote_code WHERE kind = 'label' ORDER BY code"
    texts = [text for (text,) in con.sql(query).fetchall()]
    wanted = [texts[code] for code in read.label]
    for name, classes in con.execute(
        "SELECT model, classes FROM model WHERE task = $task ORDER BY model", {"task": task}
    ).fetchall():
        if len(wanted) < 2 or not set(wanted) <= set(classes):
            continue
        found = con.sql(_PROBS, params={"task": task, "model": name, "width": len(classes)}).to_arrow_table()
        at = np.searchsorted(found["item"].to_numpy(), read.item) if found.num_rows else np.zeros(len(read.item), np.int64)
        if not found.num_rows or (found["item"].to_numpy()[np.minimum(at, found.num_rows - 1)] != read.item).any():
            continue
        flat = found["probs"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, len(classes))
        probs = flat[at][:, [classes.index(label) for label in wanted]].astype(np.float64)
        total = probs.sum(axis=1, keepdims=True)
        if np.isfinite(total).all() and (total > 0).all():
            return np.asarray(probs / total, np.float64)
    return None
