"""Reads the vote patterns of a task: what the measures of agreement share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._alpha import Patterns

if TYPE_CHECKING:
    import duckdb
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

_TASKS = "SELECT task_code, task, numeric, annotators FROM vote_task WHERE (exclusive OR numeric) AND votes > 0 ORDER BY task_code"
_VOTES = (
    "SELECT p.pattern, p.label, p.votes, p.items, coalesce(c.value, o.ordinal) AS value FROM vote_pattern AS p "
    "JOIN vote_code AS c ON c.kind = 'label' AND c.code = p.label "
    "LEFT JOIN ontology AS o ON o.task = $task AND o.label = c.text "
    "WHERE p.task_code = $code ORDER BY p.pattern, p.label"
)
# A label that nobody gave is a label all the same: what chance is depends on how many there are.
_UNUSED = (
    "SELECT max(ordinal) AS value FROM ontology WHERE task = $task AND NOT EXISTS (SELECT 1 FROM vote_pattern AS p "
    "JOIN vote_code AS c ON c.kind = 'label' AND c.code = p.label WHERE p.task_code = $code AND c.text = ontology.label) "
    "GROUP BY label ORDER BY value NULLS LAST, label"
)


@dataclass(frozen=True)
class Task:
    """A task whose labels exclude each other, or are numbers.

    Attributes:
        code: in vote_code.
        name: the question asked.
        numeric: its answers are numbers.
        annotators: known people who answered.
    """

    code: int
    name: str
    numeric: bool
    annotators: int


@dataclass(frozen=True)
class Read:
    """The votes of a task.

    Attributes:
        patterns: of all units with a vote; its labels are in the order of their value where each has one, else of their code.
        label: code of each label, shape (labels,); -1 of one that nobody gave.
        code: code of each pattern, shape (patterns,), ascending.
    """

    patterns: Patterns
    label: Ints
    code: npt.NDArray[np.uint64]


def tasks(con: duckdb.DuckDBPyConnection) -> list[Task]:
    """The tasks whose patterns of votes are counted, from vote_task."""
    return [Task(*row) for row in con.sql(_TASKS).fetchall()]


def read(con: duckdb.DuckDBPyConnection, task: Task) -> Read:
    """The patterns of a task, from vote_pattern, vote_code and the ontology."""
    asked = {"code": task.code, "task": task.name}
    found = con.execute(_VOTES, asked).fetchnumpy()
    unused = con.execute(_UNUSED, asked).fetchnumpy()["value"] if not task.numeric else np.empty(0)
    return assemble(found, np.ma.asarray(unused, dtype=np.float64).filled(np.nan))


def assemble(found: dict[str, np.ndarray], unused: np.ndarray) -> Read:
    """Rows (pattern, label, votes, items, value), and the values of labels that nobody gave, as `Read`.

    >>> one = {"pattern": np.array([5, 5]), "label": np.array([0, 1]), "votes": np.array([2, 1]), "items": np.array([7, 7])}
    >>> got = assemble(one | {"value": np.array([2.0, 1.0])}, np.array([3.0]))
    >>> got.patterns.counts.toarray().tolist(), got.patterns.values.tolist(), got.label.tolist()
    ([[1.0, 2.0, 0.0]], [1.0, 2.0, 3.0], [1, 0, -1])
    """
    from scipy import sparse

    label, number = np.unique(np.asarray(found["label"], np.int64), return_inverse=True)
    values = np.full(len(label), np.nan)
    values[number] = np.ma.asarray(found["value"], dtype=np.float64).filled(np.nan)
    label, values = np.concatenate([label, np.full(len(unused), -1)]), np.concatenate([values, unused])
    # Labels of one rank are two labels at one point: then there is no order of labels.
    ordered = len(values) > 0 and not np.isnan(values).any() and len(np.unique(values)) == len(values)
    if ordered:
        by = np.argsort(values)
        number, label, values = np.argsort(by)[number], label[by], values[by]
    code, first, row = np.unique(np.asarray(found["pattern"]), return_index=True, return_inverse=True)
    shape = (len(code), len(label))
    counts = sparse.csr_array((np.asarray(found["votes"], np.float64), (row, number)), shape=shape)
    counts.sum_duplicates()
    items = np.asarray(found["items"], np.int64)[first]
    return Read(Patterns(counts, items, values if ordered else None), label, code)
