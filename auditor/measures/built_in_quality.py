"""How well labels fit a simple model that we train ourselves, where nobody supplies predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _sklearn, label_quality
from auditor.measures._label_scores import score
from auditor.measures._sklearn import NEEDS
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

__all__ = ["NEEDS"]
MEANING = (
    "the same as label_quality, for tasks without predictions, by a model cross-validated in five folds: logistic regression over "
    "hashed words and letters of texts, boosted trees over the attributes of table rows; a fold learns from 2,000 items at most"
)
SOURCE = label_quality.SOURCE + "; feature hashing: Weinberger et al., ICML 2009"
KEY = label_quality.KEY
READS = ("annotation.label", "item", "prediction", "ontology.exclusive")
OPTIONAL = ("annotation.annotator_id", "prediction", "ontology", "item.text", "item.attributes")
ANY_OF = (("item.text", "item.attributes"),)
MOST, MOST_LABELS = 20_000, 20  # items and labels: the time and memory of training grow with both
LEAST, LEAST_OF_LABEL = 200, 10  # items, and items of a label: below, nothing can be learnt
EMPTY = (
    f"no task without predictions has {LEAST} to {MOST:,} items with text or attributes, and 2 to {MOST_LABELS} labels with "
    f"{LEAST_OF_LABEL} items each"
)
COLUMNS = {
    **label_quality.COLUMNS,
    "accuracy": Column("DOUBLE", "share of the task's labels that the model gives too: a weak model tells little", "0..1"),
    "items": Column("BIGINT", "labelled items that it was trained and judged on"),
}
_TASKS = """
SELECT a.task, count(DISTINCT a.item_id) AS items, count(DISTINCT i.item_id) FILTER (length(i.text) > 0) AS texts,
       count(DISTINCT i.item_id) FILTER (cardinality(i.attributes) > 0) AS rows
FROM annotation AS a JOIN item AS i USING (item_id)
WHERE a.type = 'class' AND a.source = 'human' AND a.label IS NOT NULL
  AND a.task NOT IN (SELECT task FROM prediction)
  AND a.task NOT IN (SELECT task FROM ontology GROUP BY task HAVING NOT bool_and(exclusive))
GROUP BY a.task ORDER BY a.task
"""
_ITEMS = """
SELECT item_id, label, text, attributes FROM (
  SELECT a.item_id, a.label, count(*) AS votes FROM annotation AS a
  WHERE a.type = 'class' AND a.source = 'human' AND a.label IS NOT NULL AND a.task = $task GROUP BY a.item_id, a.label
  QUALIFY row_number() OVER (PARTITION BY a.item_id ORDER BY votes DESC, a.label) = 1
) JOIN item USING (item_id)
WHERE if($texts, length(text) > 0, cardinality(attributes) > 0)
ORDER BY item_id
"""
_GIVEN = """
SELECT item_id, annotation_id, annotator_id, label FROM annotation
WHERE type = 'class' AND source = 'human' AND label IS NOT NULL AND task = $task
  AND item_id IN (SELECT item_id FROM item WHERE if($texts, length(text) > 0, cardinality(attributes) > 0))
ORDER BY item_id, annotation_id
"""


@dataclass(frozen=True)
class _Judged:
    """What `label_quality` writes: annotations of one task beside their classes, in the order of item and annotation."""

    model: str
    task: str
    classes: list[str]
    given: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    table: pa.Table

    def annotations(self) -> Iterator[tuple[pa.RecordBatch, slice]]:
        """The annotations, all in one batch."""
        yield self.table.combine_chunks().to_batches()[0], slice(0, self.table.num_rows)


def compute(inputs: Inputs) -> pa.Table:
    """Train and judge, for each task that has no predictions and is neither too small nor too large.

    The folds are drawn by `inputs.seed` and grouped by equal content: a copy never helps to judge its twin. Items are trained on
    with the label that most people gave them; every annotation is judged.

    Args:
        inputs: the tables annotation, item, prediction, ontology.

    Returns:
        Arrow with `COLUMNS`: one row per human class annotation of such a task.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    kinds = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "BIGINT": pa.int64()}
    schema = pa.schema([(name, kinds[spec.type]) for name, spec in COLUMNS.items()])
    parts = [schema.empty_table()]
    for task, _, texts, rows in con.sql(_TASKS).fetchall():
        of_texts = texts >= rows
        if LEAST <= (texts if of_texts else rows) <= MOST:
            parts += [part.select(schema.names).cast(schema) for part in _task(inputs, con, task, of_texts=of_texts)]
    return pa.concat_tables(parts)


def _task(inputs: Inputs, con: Any, task: str, *, of_texts: bool) -> Iterator[pa.Table]:
    import pyarrow as pa

    rows = con.sql(_ITEMS, params={"task": task, "texts": of_texts}).to_arrow_table()
    labels = np.array(rows["label"].to_pylist(), dtype=object)
    names, counts = np.unique(labels.astype(str), return_counts=True)
    classes = names[counts >= LEAST_OF_LABEL].tolist()
    if not 2 <= len(classes) <= MOST_LABELS:
        return
    code = {name: number for number, name in enumerate(classes)}
    label = np.array([code.get(name, -1) for name in labels], np.int64)
    learnt = np.flatnonzero(label >= 0)
    told = rows.take(pa.array(learnt))
    probs = np.zeros((rows.num_rows, len(classes)), np.float32)
    done = inputs.progress
    if of_texts:
        content = told["text"].to_pylist()
        fold = _folds(content, inputs.seed)
        probs[learnt] = _sklearn.of_texts(content, label[learnt], fold, len(classes), lambda n: done("training", n, _sklearn.FOLDS))
    else:
        content = [dict(pairs) for pairs in told["attributes"].to_pylist()]
        fold = _folds([str(sorted(pairs.items())) for pairs in content], inputs.seed)
        keys = sorted({key for pairs in content for key in pairs})
        columns = [[pairs.get(key) for pairs in content] for key in keys]
        probs[learnt] = _sklearn.of_tables(
            columns, label[learnt], fold, len(classes), lambda n: done("training", n, _sklearn.FOLDS)
        )
    probs[~(probs.sum(axis=1) > 0)] = np.nan
    accuracy = float((probs[learnt].argmax(axis=1) == label[learnt]).mean())
    given = con.sql(_GIVEN, params={"task": task, "texts": of_texts}).to_arrow_table()
    at = np.searchsorted(np.array(rows["item_id"].to_pylist(), dtype=object).astype(str), np.array(given["item_id"].to_pylist()))
    codes = np.array([code.get(name, -1) for name in given["label"].to_pylist()], np.int64)
    model = f"built-in ({'text' if of_texts else 'table'})"
    judged = _Judged(model, task, classes, codes, np.arange(len(codes)), given)
    beside = probs[at]
    found = score(codes, len(classes), lambda work: [work(beside, slice(0, len(codes)))], seed=inputs.seed)
    for batch in label_quality.told(judged, found):
        size = batch.num_rows
        table = pa.Table.from_batches([batch])
        yield table.append_column("accuracy", pa.array(np.full(size, accuracy))).append_column(
            "items", pa.array(np.full(size, len(learnt)))
        )


def _folds(content: list[str], seed: int) -> npt.NDArray[np.int64]:
    return _sklearn.folds(np.unique(np.array(content, dtype=object).astype(str), return_inverse=True)[1], _sklearn.FOLDS, seed)
