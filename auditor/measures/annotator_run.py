"""The longest run of one label that an annotator gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._tally import starts
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]

MEANING = "longest run of one label per annotator and task, and how likely the peers' labels would make one as long"
SOURCE = "union bound over the places where a run of independent draws can start: (n - run + 1) * share ^ run"
KEY = ("task_code", "annotator")
EMPTY = "no vote says who gave it"
READS = ("vote", "annotator_confusion")
COLUMNS = {
    "task_code": Column("INTEGER", "code of the task in vote_code"),
    "annotator": Column("INTEGER", "code of the annotator in vote_code", needs="annotation.annotator_id"),
    "votes": Column("BIGINT", "votes of the annotator that can be ordered in time; all votes where there is one label only"),
    "run": Column("BIGINT", "longest run; NULL where time does not order the votes and there are several labels"),
    "label": Column("INTEGER", "code of its label, of equals the smallest"),
    "compared": Column("BIGINT", "votes of the run on items where the others have a majority"),
    "agreed": Column("BIGINT", "of these, votes for that majority"),
    "peer_share": Column("DOUBLE", "share of the label among the votes of the others on the task", "0..1"),
    "chance": Column("DOUBLE", "upper bound of the probability of such a run if the annotator drew labels like the others", "0..1"),
}
# One sort, streamed: two window functions over the same rows cost four times as much.
_ORDERED = """
SELECT task, annotator, label, coalesce(others, -1) AS others, epoch_us(created_at) AS time FROM vote
WHERE first AND NOT several AND annotator IS NOT NULL AND created_at IS NOT NULL
ORDER BY task, annotator, created_at, vote
"""
# Stored order is that of items, so runs need times; where half of an annotator's times are equal they order nothing.
# An annotator who gave a single label has one run in any order.
_CHOSEN = """
WITH timed AS (
  SELECT * FROM longest_run WHERE 2 * times >= votes
), said AS (
  SELECT task_code, annotator, label, votes, sum(votes) OVER (PARTITION BY task_code, annotator) AS own,
         sum(votes) OVER (PARTITION BY task_code, label) AS of_label, sum(votes) OVER (PARTITION BY task_code) AS total,
         count(*) OVER (PARTITION BY task_code, annotator) AS labels
  FROM annotator_confusion WHERE kind = 'all'
), whole AS (
  SELECT task_code, annotator, sum(votes) AS compared, coalesce(sum(votes) FILTER (label = truth), 0) AS agreed
  FROM annotator_confusion WHERE kind = 'others' GROUP BY task_code, annotator
), chosen AS (
  SELECT task_code, s.annotator, if(l.run IS NULL, s.own, l.votes) AS votes,
         coalesce(l.run, if(labels = 1, s.own, NULL)) AS run, if(l.run IS NOT NULL OR labels = 1, s.label, NULL) AS label,
         if(l.run IS NOT NULL, l.compared, if(labels = 1, coalesce(w.compared, 0), NULL)) AS compared,
         if(l.run IS NOT NULL, l.agreed, if(labels = 1, coalesce(w.agreed, 0), NULL)) AS agreed,
         if(s.total > s.own, (of_label - s.votes) / (s.total - s.own), NULL) AS peer_share
  FROM said AS s LEFT JOIN timed AS l USING (task_code, annotator) LEFT JOIN whole AS w USING (task_code, annotator)
  QUALIFY row_number() OVER (PARTITION BY task_code, s.annotator ORDER BY l.label IS NOT NULL AND l.label <> s.label, s.label) = 1
)
SELECT task_code, annotator, votes, run, label, compared, agreed, if(label IS NULL, NULL, peer_share) AS peer_share,
       if(peer_share IS NULL OR run IS NULL, NULL, least(1.0, (votes - run + 1) * pow(peer_share, run))) AS chance
FROM chosen
"""
_NAMES = ("task", "annotator", "label", "others", "time")


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Find each annotator's longest run.

    Args:
        inputs: the measures vote and annotator_confusion.

    Returns:
        Arrow with `COLUMNS`, one row per task and annotator who voted.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    reader = con.sql(_ORDERED).to_arrow_reader(1 << 20)
    batches = (tuple(np.asarray(rows[name].to_numpy(zero_copy_only=False), np.int64) for name in _NAMES) for rows in reader)
    con.register("longest_run", pa.table({name: pa.array(values) for name, values in longest(batches).items()}))
    return con.sql(_CHOSEN).to_arrow_reader(1 << 16)


def longest(batches: Iterable[tuple[Ints, ...]]) -> dict[str, Ints]:
    """The longest run of each task and annotator, from votes in the order of task, annotator and time.

    Args:
        batches: arrays (task, annotator, label, others, time) of equal length; others is -1 where there is no majority. A run may
            go on in the next batch.

    Returns:
        task_code, annotator, votes, times (different ones), run, label, compared, agreed, each of shape (annotators,).

    >>> one = np.ones(5, np.int64)
    >>> found = longest([(one, one, np.array([4, 4, 7, 7, 7]), np.array([4, 4, 4, -1, 7]), np.arange(5))])
    >>> [found[name].tolist() for name in ("votes", "run", "label", "compared", "agreed")]
    [[5], [3], [7], [2], [1]]
    """
    none = np.empty(0, np.int64)
    runs: list[tuple[Ints, ...]] = []  # task, annotator, label, length, compared, agreed
    counts: list[tuple[Ints, ...]] = []  # task, annotator, votes, times
    unfinished: tuple[Ints, ...] = (none,) * 6
    last_time = none
    for task, annotator, label, others, time in batches:
        if not len(task):
            continue
        person = starts(task, annotator)
        first = np.flatnonzero(person | starts(label))
        made = [task[first], annotator[first], label[first], np.diff(first, append=len(task))]
        made += [np.add.reduceat((others >= 0).astype(np.int64), first), np.add.reduceat((others == label).astype(np.int64), first)]
        again = person | starts(time)
        if len(unfinished[0]) and all(old[0] == new[0] for old, new in zip(unfinished[:3], made[:3], strict=True)):
            for part in (3, 4, 5):
                made[part][0] += unfinished[part][0]
        elif len(unfinished[0]):
            runs.append(unfinished)
        if len(last_time) and last_time[0] == time[0] and (counts[-1][0][-1], counts[-1][1][-1]) == (task[0], annotator[0]):
            again[0] = False
        begins = np.flatnonzero(person)
        counts.append(
            (task[begins], annotator[begins], np.diff(begins, append=len(task)), np.add.reduceat(again.astype(np.int64), begins))
        )
        unfinished = tuple(values[-1:] for values in made)
        runs.append(_best([values[:-1] for values in made]))
        last_time = time[-1:]
    runs.append(unfinished)
    best = _best([np.concatenate(parts) for parts in zip(*runs, strict=True)])
    task, annotator, votes, times = (np.concatenate(parts) for parts in zip(*(counts or [(none,) * 4]), strict=True))
    begins = np.flatnonzero(starts(task, annotator))
    total = [np.add.reduceat(values, begins) if len(begins) else none for values in (votes, times)]
    names = ("task_code", "annotator", "label", "run", "compared", "agreed")
    return dict(zip(names, best, strict=True)) | {"votes": total[0], "times": total[1]}


def _best(runs: list[Ints]) -> tuple[Ints, ...]:
    """Of the runs of each person the longest, of equals the one with the smallest label; persons stay in their order."""
    task, annotator, label, length, compared, agreed = runs
    begins = np.flatnonzero(starts(task, annotator))
    if not len(begins):
        return tuple(runs)
    top = np.maximum.reduceat(length, begins)
    few = np.flatnonzero(length == np.repeat(top, np.diff(begins, append=len(task))))
    by = few[np.lexsort((agreed[few], compared[few], label[few], annotator[few], task[few]))]
    by = by[starts(task[by], annotator[by])]
    return tuple(values[by] for values in runs)
