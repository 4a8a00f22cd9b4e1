"""How well each two annotators agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _pattern
from auditor.measures._kappa import FIGURES, figures, joints
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "agreement of every two annotators who voted on at least 20 items in common"
SOURCE = (
    "Cohen, EPM 20, 1960, and Psychological Bulletin 70, 1968; intervals: Fleiss, Cohen, Everitt, Psychological Bulletin 72, 1969; "
    "Scott, Public Opinion Quarterly 19, 1955; pabak, prevalence, bias: Byrt, Bishop, Carlin, J. Clinical Epidemiology 46, 1993; "
    "Kendall, Rank Correlation Methods, 1948"
)
KEY = ("task", "annotator_id", "other_annotator")
# Of 20 items kappa's interval is about 0.8 wide: of fewer it says nothing.
MIN_SHARED = 20
EMPTY = f"no two people voted on {MIN_SHARED} items in common"
READS = ("vote", "vote_pattern", "vote_task", "vote_code", "ontology", "annotation.annotator_id")
OPTIONAL = ("ontology",)
_ORDERED = "no task has numbers or labels with a declared order"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "one annotator, the first in the alphabet"),
    "other_annotator": Column("VARCHAR", "the other"),
    "n": Column("BIGINT", "items that both voted on (of a sample of items where there are more than 300 million pairs of votes)"),
    "raw": Column("DOUBLE", "share of equal answers", "0..1"),
    "kappa": Column("DOUBLE", "Cohen's kappa; NULL where both gave one label only", "-1..1"),
    "kappa_low": Column("DOUBLE", "lower end of its 95 % interval", "-1..1"),
    "kappa_high": Column("DOUBLE", "upper end", "-1..1"),
    "scott_pi": Column("DOUBLE", "Scott's pi: chance from the labels of both together", "-1..1"),
    "pabak": Column("DOUBLE", "Bennett's S, of two labels PABAK: chance from the number of labels", "-1..1"),
    "prevalence": Column("DOUBLE", "prevalence index: 0 where all labels are as frequent, 1 where one is given only", "0..1"),
    "bias": Column("DOUBLE", "bias index: share of answers by which the two differ in how often they give each label", "0..1"),
    "kappa_linear": Column("DOUBLE", "kappa with weights linear in the distance", "-1..1", absent=_ORDERED),
    "linear_low": Column("DOUBLE", "lower end of its 95 % interval", "-1..1", absent=_ORDERED),
    "linear_high": Column("DOUBLE", "upper end", "-1..1", absent=_ORDERED),
    "kappa_quadratic": Column("DOUBLE", "kappa with weights quadratic in the distance", "-1..1", absent=_ORDERED),
    "quadratic_low": Column("DOUBLE", "lower end of its 95 % interval", "-1..1", absent=_ORDERED),
    "quadratic_high": Column("DOUBLE", "upper end", "-1..1", absent=_ORDERED),
    "tau_b": Column("DOUBLE", "Kendall's tau-b; NULL for more than 64 different answers", "-1..1", absent=_ORDERED),
}
_VOTES = "SELECT item, annotator, label FROM vote WHERE first AND NOT several AND annotator IS NOT NULL AND task = $task"


def compute(inputs: Inputs) -> pa.Table:
    """Compare all pairs of annotators on tasks whose labels exclude each other, or are numbers.

    Args:
        inputs: the measures vote, vote_pattern, vote_task, vote_code and the table ontology.

    Returns:
        Arrow with `COLUMNS`; pairs with fewer than `MIN_SHARED` items in common have no row.
    """
    import pyarrow as pa

    con = inputs.con
    people = pa.array(
        con.sql("SELECT text FROM vote_code WHERE kind = 'annotator' ORDER BY code").fetchnumpy()["text"], pa.string()
    )
    tables = [_table([], [], [], {name: np.empty(0) for name in ("n", *FIGURES)})]
    for task in _pattern.tasks(con):
        read = _pattern.read(con, task)
        given = np.flatnonzero(read.label >= 0)
        place = np.zeros(int(read.label.max(initial=0)) + 1, np.int64)  # column of each label's code
        place[read.label[given]] = given
        found = con.execute(_VOTES, {"task": task.code}).fetchnumpy()
        item, annotator, label = (np.asarray(found[name]) for name in ("item", "annotator", "label"))
        for joint in joints(item, annotator, place[label], MIN_SHARED):
            numbers = figures(joint, len(read.label), read.patterns.values)
            tables.append(
                _table([task.name] * len(joint.a), people.take(pa.array(joint.a)), people.take(pa.array(joint.b)), numbers)
            )
            inputs.progress("comparing annotators", sum(table.num_rows for table in tables), None)
    return pa.concat_tables(tables)


def _table(task: list[str], one: object, other: object, numbers: dict[str, np.ndarray]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "task": pa.array(task, pa.string()),
            "annotator_id": pa.array(one, pa.string()),
            "other_annotator": pa.array(other, pa.string()),
        }
        | {"n": pa.array(numbers["n"].astype(np.int64), pa.int64())}
        | {name: pa.array(numbers[name], pa.float64(), from_pandas=True) for name in FIGURES}
    )
