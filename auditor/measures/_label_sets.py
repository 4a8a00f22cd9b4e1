"""Votes of several labels at once: what people say of an item whose labels do not exclude each other is a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._alpha import Patterns

if TYPE_CHECKING:
    import duckdb
    from scipy import sparse

_TASKS = (
    "SELECT task_code, task, annotators FROM vote_task WHERE NOT exclusive AND NOT numeric AND annotators > 0 ORDER BY task_code"
)
# A set is known by the xor of its labels' hashes and their number, an item by the sum of its sets' hashes: groups of numbers, not
# of lists. (The hash of 0 is 0: with and without label 0 two sets would be one.)
_SETS = """
CREATE OR REPLACE TEMP TABLE answer_set AS
SELECT item, annotator, hash(bit_xor(hash(label + 1)), count(*)) AS code FROM vote
WHERE source = 0 AND NOT repeat AND annotator IS NOT NULL AND task = $task GROUP BY item, annotator
"""
_ITEMS = """
CREATE OR REPLACE TEMP TABLE item_set AS
WITH seen AS (
  SELECT item, CAST(sum(CAST(hash(code) AS HUGEINT)) % 18446744073709551616 AS UBIGINT) AS pattern, count(*) AS people
  FROM answer_set GROUP BY item
)
SELECT pattern, min(item) AS item, count(*) AS items FROM seen GROUP BY pattern, people
"""
_PATTERNS = """
SELECT i.item, code, count(*) AS votes, any_value(items) AS items FROM item_set AS i JOIN answer_set AS a ON a.item = i.item
GROUP BY i.item, code ORDER BY i.item, code
"""
_MEMBERS = """
WITH one AS (SELECT code, min((item, annotator)) AS said FROM answer_set GROUP BY code)
SELECT DISTINCT one.code, v.label FROM one JOIN vote AS v ON v.item = one.said[1] AND v.annotator = one.said[2]
WHERE v.source = 0 AND v.task = $task ORDER BY one.code, v.label
"""


@dataclass(frozen=True)
class Sets:
    """The sets of labels that known people gave.

    Attributes:
        task: the question asked.
        annotators: known people who answered.
        patterns: votes for sets.
        members: 1 where a set has a label, shape (sets, labels).
    """

    task: str
    annotators: int
    patterns: Patterns
    members: sparse.csr_array


def read(con: duckdb.DuckDBPyConnection) -> list[Sets]:
    """The sets of every task with named labels that do not exclude each other, from vote and vote_task."""
    from scipy import sparse

    found = []
    for code, task, annotators in con.sql(_TASKS).fetchall():
        con.execute(_SETS, {"task": code})
        con.execute(_ITEMS)
        rows = con.sql(_PATTERNS).fetchnumpy()
        has = con.execute(_MEMBERS, {"task": code}).fetchnumpy()
        names, column = np.unique(np.asarray(rows["code"]), return_inverse=True)
        _, first, row = np.unique(np.asarray(rows["item"]), return_index=True, return_inverse=True)
        votes = np.asarray(rows["votes"], np.float64)
        counts = sparse.csr_array((votes, (row, column)), shape=(len(first), len(names)))
        labels, label = np.unique(np.asarray(has["label"]), return_inverse=True)
        which = np.searchsorted(names, np.asarray(has["code"]))
        members = sparse.csr_array((np.ones(len(label)), (which, label)), shape=(len(names), len(labels)))
        found.append(Sets(task, annotators, Patterns(counts, np.asarray(rows["items"], np.int64)[first]), members))
    return found
