"""How well each method of finding the right labels predicts votes that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.measures._choice import chosen, difference, scores
from auditor.measures._poll import poll, tasks
from auditor.measures._stats import Z95
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "methods of finding the right label from votes, how well each predicts votes held out, and which is used"
SOURCE = (
    "items held out in fifths, each vote predicted from the others of its item: leave-one-out log score, Gneiting and Raftery, "
    "JASA 102, 2007; interval with items as clusters; choice by one standard error: Breiman et al., Classification and "
    "Regression Trees, 1984, section 3.4.3; at most 50 rounds, or until one raises the log likelihood by less than 1e-6 nats a "
    "vote"
)
KEY = ("task", "method")
EMPTY = "no item has two votes for labels that exclude each other"
READS = ("vote", "vote_task")
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "method": Column("VARCHAR", "majority | one_coin | mace | dawid_skene_map | dawid_skene | glad"),
    "chosen": Column("BOOLEAN", "`consensus` uses it"),
    "reason": Column("VARCHAR", "why it is used; NULL for the others"),
    "log_loss": Column("DOUBLE", "mean of -log probability of a vote given the others; NULL where nothing was held out", "nats"),
    "gain": Column("DOUBLE", "loss of the majority minus that of the method", "nats"),
    "gain_low": Column("DOUBLE", "lower end of its 95 % interval", "nats"),
    "gain_high": Column("DOUBLE", "upper end", "nats"),
    "votes": Column("BIGINT", "votes that were predicted"),
    "items": Column("BIGINT", "their items: the n of the interval"),
    "iterations": Column("BIGINT", "rounds of learning on four fifths, the most of the folds"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Compare the methods on each task whose labels exclude each other.

    Args:
        inputs: the measures vote and vote_task.

    Returns:
        Arrow with `COLUMNS`. Gold and predictions are not looked at. Of more than 200,000 votes a sample of items is compared.
    """
    import pyarrow as pa

    rows: list[tuple[object, ...]] = []
    names = tasks(inputs.con)
    for done, (code, name) in enumerate(names):
        inputs.progress("comparing methods", done, len(names))
        read = poll(inputs.con, code)
        if read is None:
            continue
        found = scores(read.votes, seed=inputs.seed)
        best, why = chosen(found)
        if not found:
            rows.append((name, best, True, why, None, None, None, None, 0, 0, None))
        for score in found:
            gap, error = difference(found[0], score)
            used = score.method == best
            rows.append((
                name, score.method, used, why if used else None, round(score.log_loss, 9), round(gap, 9), round(gap - Z95 * error,
                9), round(gap + Z95 * error, 9), int(score.votes.sum()), len(score.votes), score.rounds,
            ))  # fmt: skip
    kinds = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "DOUBLE": pa.float64(), "BIGINT": pa.int64()}
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return pa.table(
        {name: pa.array(values, kinds[spec.type]) for (name, spec), values in zip(COLUMNS.items(), columns, strict=True)}
    )
