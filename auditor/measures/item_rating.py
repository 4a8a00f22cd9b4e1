"""The numbers given to each item: how far apart they lie, beside what is usual in the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import benjamini_hochberg
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "items with two numbers or more: their mean and spread, and how unusual the spread is for the task"
SOURCE = (
    "chi-squared test of one variance against the task's pooled one: Snedecor and Cochran, Statistical Methods, 8th edition 1989, "
    "section 5.7; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("item", "task_code")
READS = ("vote", "vote_code", "vote_item", "vote_task")
EMPTY = "no item has two numbers"
COLUMNS = {
    "item": Column("INTEGER", "code of the item in vote_item"),
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "item_id": Column("VARCHAR", "the item"),
    "task": Column("VARCHAR", "the question asked"),
    "votes": Column("BIGINT", "people who gave one number"),
    "mean": Column("DOUBLE", "mean of their numbers"),
    "lowest": Column("DOUBLE", "the smallest"),
    "highest": Column("DOUBLE", "the largest"),
    "deviation": Column("DOUBLE", "their standard deviation"),
    "usual": Column("DOUBLE", "standard deviation within an item, pooled over the task's items"),
    "p": Column("DOUBLE", "probability of as large a deviation by chance", "0..1"),
    "q": Column("DOUBLE", "corrected over the items of the task", "0..1"),
}
# Of people's single answers in tasks whose answers are numbers; `annotator_rating` uses the same.
ANSWERS = """
  SELECT v.task, v.item, v.annotator, c.value FROM vote AS v
  JOIN vote_task AS t ON t.task_code = v.task AND t.numeric
  JOIN vote_code AS c ON c.kind = 'label' AND c.code = v.label AND c.value IS NOT NULL
  WHERE first AND NOT v.several
"""
# Rounded, so that no digit depends on the order in which threads add.
_QUERY = f"""
WITH answer AS ({ANSWERS}), item AS (
  SELECT task AS task_code, item, count(*) AS votes, round(avg(value), 9) AS mean, min(value) AS lowest, max(value) AS highest,
         round(stddev_samp(value), 9) AS deviation
  FROM answer GROUP BY task, item HAVING count(*) > 1
)
SELECT item, task_code, item_id, task, item.votes, mean, lowest, highest, deviation
FROM item JOIN vote_item USING (item) JOIN vote_task USING (task_code)
ORDER BY item, task_code
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare the spread of each item's numbers with the pooled spread of its task.

    Args:
        inputs: the measures vote, vote_code, vote_item, vote_task.

    Returns:
        Arrow with `COLUMNS`, one row per item and task with two numbers or more.
    """
    import pyarrow as pa
    from scipy import special

    table = inputs.con.sql(_QUERY).to_arrow_table()
    task, votes, deviation = (np.asarray(table[name].to_numpy(), np.float64) for name in ("task_code", "votes", "deviation"))
    usual, p, q = (np.full(len(votes), np.nan) for _ in range(3))
    for one in np.unique(task):
        mine = task == one
        freedom, squares = votes[mine] - 1, deviation[mine] ** 2 * (votes[mine] - 1)
        pooled = squares.sum() / freedom.sum()
        usual[mine] = np.sqrt(pooled)
        p[mine] = special.chdtrc(freedom, squares / pooled) if pooled > 0 else 1.0
        q[mine] = benjamini_hochberg(p[mine])
    added = {"usual": usual, "p": p, "q": q}
    return pa.table({name: pa.array(added[name], from_pandas=True) if name in added else table[name] for name in COLUMNS})
