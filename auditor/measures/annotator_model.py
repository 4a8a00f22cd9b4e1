"""The chosen model of each task's annotators: what each gives where each label is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _glad, _truth
from auditor.measures._ballots import expect
from auditor.measures._poll import poll, tasks
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs
    from auditor.measures._ballots import Ballots

    Floats = npt.NDArray[np.float64]

MEANING = "errors of each annotator in integer codes, by the method that consensus_method chose"
SOURCE = (
    "Dawid and Skene, Applied Statistics 28, 1979; Kim and Ghahramani, AISTATS 2012 (prior); Zhang, Chen, Zhou, Jordan, JMLR 17, "
    "2016 (one coin); Hovy et al., NAACL 2013 (MACE); Whitehill et al., NIPS 2009 (GLAD)"
)
KEY = ("task_code", "annotator", "label", "truth")
EMPTY = "no item has two votes for labels that exclude each other"
READS = ("vote", "vote_task", "consensus_method")
OPTIONAL = ("consensus_method",)
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "annotator": Column("INTEGER", "code of the annotator in vote_code; -1: all without an id, together"),
    "label": Column("INTEGER", "code of a label that the annotator gave"),
    "truth": Column("INTEGER", "code of the label that is right"),
    "rate": Column("DOUBLE", "probability of label where truth is right, as the posteriors use it", "0..1"),
    "expected": Column("DOUBLE", "answers `label` where truth is right, by the posteriors", "0.."),
    "prior": Column("DOUBLE", "share of truth among the items", "0..1"),
    "method": Column("VARCHAR", "whose errors these are"),
    "iterations": Column("BIGINT", "rounds of learning"),
    "converged": Column("BOOLEAN", "a further round would have changed next to nothing"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Fit the chosen method to all votes of each task.

    Args:
        inputs: the measures vote, vote_task, consensus_method.

    Returns:
        Arrow with `COLUMNS`: one row for each label that an annotator gave and each label that may be right.
    """
    import pyarrow as pa

    con = inputs.con
    methods = dict(con.sql("SELECT task, method FROM consensus_method WHERE chosen").fetchall())
    kinds = {"INTEGER": pa.int32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
    schema = pa.schema([(name, kinds[spec.type]) for name, spec in COLUMNS.items()])
    parts = [schema.empty_table()]
    names = tasks(con)
    for done, (code, name) in enumerate(names):
        inputs.progress("learning errors", done, len(names))
        read = poll(con, code) if name in methods else None
        if read is None:
            continue
        rate, expected, prior, iterations, converged = fitted(methods[name], read.votes, inputs.seed)
        votes, size = read.votes, rate.size
        columns = {
            "task_code": np.full(size, code), "annotator": np.repeat(read.person[votes.person], votes.labels),
            "label": np.repeat(read.label[votes.label], votes.labels), "truth": np.tile(read.label, len(votes.person)),
            "rate": rate.ravel(), "expected": expected.ravel(), "prior": np.tile(prior, len(votes.person)),
            "method": [methods[name]] * size, "iterations": np.full(size, iterations), "converged": np.full(size, converged),
        }  # fmt: skip
        parts.append(
            pa.table({column: pa.array(columns[column], kinds[COLUMNS[column].type]) for column in COLUMNS}, schema=schema)
        )
    return pa.concat_tables(parts)


def fitted(method: str, votes: Ballots, seed: int) -> tuple[Floats, Floats, Floats, int, bool]:
    """A method's errors and expected answers, both of shape (pairs, labels), labels' shares, rounds, and whether they settled.

    GLAD's posteriors rest on the ease of each item as well; its errors here are what they make of each person's answers.
    """
    if method == "glad":
        found = _glad.glad(votes)
        counts = np.zeros((len(votes.person), votes.labels))
        for first, last in votes.blocks():
            counts += votes.of(first, last).T @ found.probability[first:last]
        rate, prior = (
            np.maximum(_truth.shrunk(votes, counts, _truth.STRENGTH), _truth.FLOOR),
            np.full(votes.labels, 1 / votes.labels),
        )
        return rate, counts, prior, found.iterations, found.iterations < _glad.N_ITER
    fit = _truth.mace(votes, seed=seed) if method == "mace" else getattr(_truth, method)(votes)
    counts = expect(votes, np.log(fit.used_error), np.log(fit.used_prior)).counts
    return fit.used_error, counts, fit.used_prior, fit.iterations, fit.converged
