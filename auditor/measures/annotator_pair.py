"""Pairs of annotators who give the same answers against the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._disputes import UNTIMED, Votes, read
from auditor.measures._pairs import against, companions, compared, drawn, excess, habits, judged, paired
from auditor.measures._stats import benjamini_hochberg
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs
    from auditor.measures._pairs import Habits, Sums

    Codes = npt.NDArray[np.int32]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

MEANING = "pairs of annotators who give the same answers against the others more often than the habits of both explain"
SOURCE = (
    "excess of identical wrong answers: Frary, Tideman, Watts, J. Educational Statistics 2, 1977 (g2); Wesolowsky, J. Applied "
    "Statistics 27, 2000; who is wrong: Dawid and Skene, Applied Statistics 28, 1979; tail of the sum: Hoeffding, Annals of "
    "Mathematical Statistics 27, 1956; both in one: Vovk and Wang, Biometrika 107, 2020; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "annotator_id", "other_annotator")
READS = ("annotator_confusion", "vote", "vote_code", "vote_task")
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "who gave the same answers later, mostly; the first in the alphabet where times do not tell"),
    "other_annotator": Column("VARCHAR", "the other one"),
    "against": Column(
        "BIGINT",
        "items that both answered and on which one of them stands against gold or, without it, more than half of the others",
    ),
    "same": Column("BIGINT", "of these, items on which both give the same answer against the others"),
    "expected": Column("DOUBLE", "the same of independent people with their habits", "0.."),
    "copied": Column("DOUBLE", "share of these answers that must be copied to explain the surplus", "0..1"),
    "p": Column("DOUBLE", "upper bound of the chance of so many same answers", "0..1"),
    "q": Column("DOUBLE", "corrected over all pairs of the task of whom one stands against the others", "0..1"),
    "timed": Column("BIGINT", "same answers of which one is known to be later"),
    "later": Column("BIGINT", "of these, later ones of annotator_id"),
    "soon": Column("BIGINT", "of these, within 60 seconds after the other's"),
}
SILENT = 0.1  # Cohen's kappa with the others or gold below which answers tell nothing of the item: one label for all, or chance
SILENT_VOTES = 20  # fewer compared votes cannot show it
MOST_PAIRS = 50_000_000  # pairs of votes that are looked at: above, of every second, third, … disputed item only
MOST_LABELS = 2000  # more are texts rather than classes; the table of their confusions would not fit either
MOST_HABITS = 20_000_000  # annotators times labels, for the same reason
_VOTES = f"""
SELECT item, task, coalesce(annotator, -1) AS annotator, label, coalesce(gold, -1) AS gold,
       coalesce(epoch_us(created_at), {UNTIMED}) AS time
FROM vote WHERE first AND NOT several AND task IN ({{tasks}})
"""
_SILENT = f"""
WITH cell AS (
  SELECT task_code, annotator, label, truth, sum(votes) AS votes
  FROM annotator_confusion WHERE kind IN ('others', 'gold') GROUP BY ALL
), side AS (
  SELECT task_code, annotator, label AS code, votes AS given, 0 AS due, CASE WHEN label = truth THEN votes ELSE 0 END AS hits
  FROM cell
  UNION ALL
  SELECT task_code, annotator, truth, 0, votes, 0 FROM cell
), code AS (
  SELECT task_code, annotator, code, sum(given) AS given, sum(due) AS due, sum(hits) AS hits FROM side GROUP BY ALL
), told AS (
  SELECT task_code, annotator, sum(given) AS n, sum(hits) / sum(given) AS agreement,
         sum(given * due) / (sum(given) * sum(given)) AS chance
  FROM code GROUP BY ALL
)
SELECT task_code, annotator FROM told WHERE n >= {SILENT_VOTES} AND agreement - chance <= {SILENT} * (1 - chance)
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare every two annotators who answered the same items of an exclusive task.

    An answer is held against gold or, without it, against more than half of the others, both of the pair left out. Given what the
    one says against them, the other's chance of saying the same follows from three things: how likely it is that the others are
    wrong (everybody's habits decide), how the other errs, and what further people said of the item. Right answers that are the same
    are no evidence, nor are wrong ones that most of the others give too. Who always says the same, or answers by chance, is no
    witness against anybody, but may be one of a pair.

    Args:
        inputs: the measures annotator_confusion, vote, vote_code, vote_task.

    Returns:
        Arrow with `COLUMNS`: pairs with a same answer against the others, and with more of them than expected. Left out are tasks
        with more than `MOST_LABELS` labels, and items with more than 1,000 votes.
    """
    import pyarrow as pa

    con = inputs.con
    names = dict(con.sql("SELECT task_code, task FROM vote_task WHERE exclusive AND NOT numeric ORDER BY task_code").fetchall())
    sizes = dict(con.sql("SELECT kind, max(code) + 1 FROM vote_code GROUP BY kind").fetchall())
    shape = (sizes.get("task", 1), sizes.get("annotator", 1), sizes.get("label", 1))
    query = _VOTES.format(tasks=", ".join(map(str, names)) or "NULL")

    def voted(apart: Ints | None = None) -> tuple[Votes, Ints]:
        return read(con.sql(query).to_arrow_reader(1 << 20), shape, apart)

    votes, agreed = voted()
    silent = con.sql(_SILENT).fetchnumpy()
    tasks = [_task(code, votes, agreed, silent["annotator"][silent["task_code"] == code]) for code in names]
    tasks = [task for task in tasks if len(task.labels) <= MOST_LABELS and len(task.labels) * len(task.people) <= MOST_HABITS]
    found: list[tuple[Habits, Sums, Sums]] = []
    for done, task in enumerate(tasks):
        inputs.progress("comparing people", done, len(tasks))
        usual = habits(_cells(task, votes, agreed, 1), len(task.labels), task.witness)
        found.append((usual, *_sums(task, votes, usual)))
    # What is learnt of people must not rest on what those say together who may copy: it is learnt again without that.
    apart = [_apart(task, forth, back, shape) for task, (_, forth, back) in zip(tasks, found, strict=True)]
    if any(map(len, apart)):
        learnt = voted(np.sort(np.concatenate(apart)))
        for place, (task, pairs) in enumerate(zip(tasks, apart, strict=True)):
            if len(pairs):
                usual = drawn(found[place][0], _cells(task, *learnt, 2))
                found[place] = (usual, *_sums(task, votes, usual))
    people = con.sql("SELECT text FROM vote_code WHERE kind = 'annotator' ORDER BY code").to_arrow_table()["text"]
    kinds = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
    schema = pa.schema([(name, kinds[column.type]) for name, column in COLUMNS.items()])
    parts = [_table(task, names[task.code], forth, back, people) for task, (_, forth, back) in zip(tasks, found, strict=True)]
    return pa.concat_tables([schema.empty_table(), *(part.cast(schema) for part in parts)])


@dataclass(frozen=True)
class _Task:
    """A task, with codes of its own that leave no gaps.

    Attributes:
        code: its code in vote_code.
        people: codes in vote_code of the annotators who can be compared, ascending.
        labels: codes in vote_code of the labels that are given or gold, ascending.
        person: place of each annotator among `people`; of -1, for unknown, -1.
        label: place of each label among `labels`; of -1, for none, -1.
        witness: whose answers tell something of the item, shape (people + 1,); the last for the unknown, whose do.
        step: every how many-th disputed unit is looked at.
    """

    code: int
    people: Ints
    labels: Ints
    person: Codes
    label: Codes
    witness: Bools
    step: int

    def coded(self, votes: Votes) -> Votes:
        """Its own votes, in its own codes."""
        mine = votes.of_task(self.code)
        return replace(mine, annotator=self.person[mine.annotator], label=self.label[mine.label], gold=self.label[mine.gold])


def _task(code: int, votes: Votes, agreed: Ints, silent: Ints) -> _Task:
    """A task, from all tasks' votes and those of its annotators who tell nothing."""
    mine = votes.of_task(code)
    _, who, label, _ = agreed[:, agreed[0] == code]
    people, person = _codes(mine.annotator, who)
    labels, place = _codes(mine.label, mine.gold, label)
    pairs = int(np.square(np.unique(mine.unit, return_counts=True)[1]).sum())
    return _Task(code, people, labels, person, place, np.append(~np.isin(people, silent), True), max(1, -(-pairs // MOST_PAIRS)))


def _cells(task: _Task, votes: Votes, agreed: Ints, least: int) -> Ints:
    """What is known of people's answers: annotator, label, label that is right, number; in the task's codes, shape (4, n)."""
    _, who, label, number = agreed[:, agreed[0] == task.code]
    right = task.label[label]
    disputed = judged(task.coded(votes), task.witness, len(task.labels), task.step, least)
    return np.hstack([np.stack([task.person[who], right, right, number]), disputed])


def _sums(task: _Task, votes: Votes, usual: Habits) -> tuple[Sums, Sums]:
    return paired(compared(task.coded(votes), usual, task.witness, task.step), len(task.people))


def _apart(task: _Task, forth: Sums, back: Sums, shape: tuple[int, int, int]) -> Ints:
    """The task's companions, as codes of (task, annotator, annotator) in vote_code."""
    code = forth.code[companions(forth, back, len(task.people))]
    low, high = (task.people[place] for place in np.divmod(code, max(1, len(task.people))))
    return np.ravel_multi_index((np.full(len(code), task.code), low, high), (shape[0], shape[1], shape[1]))


def _table(task: _Task, name: str, forth: Sums, back: Sums, people: pa.ChunkedArray) -> pa.Table:
    """The rows of a task with a surplus of same answers."""
    import pyarrow as pa

    got = excess(forth, back)
    low, high = (task.people[place] for place in np.divmod(forth.code, max(1, len(task.people))))
    turned = forth.later > back.later  # the second is the later one more often
    columns = {
        "annotator_id": np.where(turned, high, low),
        "other_annotator": np.where(turned, low, high),
        "against": against(forth, back),
        "same": forth.same,
        "expected": got.expected.round(9),  # rounded where the order of a sum could show
        "copied": got.copied.round(9),
        "p": got.p,
        "q": benjamini_hochberg(got.p),
        "timed": forth.later + back.later,
        "later": np.where(turned, forth.later, back.later),
        "soon": np.where(turned, forth.soon, back.soon),
    }
    arrays = {column: pa.array(values[got.surplus]) for column, values in columns.items()}
    for column in ("annotator_id", "other_annotator"):
        arrays[column] = people.take(arrays[column])
    return pa.table({"task": pa.array([name] * int(got.surplus.sum()), pa.string()), **arrays})


def _codes(*columns: npt.NDArray[np.integer]) -> tuple[Ints, Codes]:
    """The codes that occur (-1 is none), and the place of each among them; -1 keeps its place.

    >>> codes, place = _codes(np.array([7, -1]), np.array([5]))
    >>> codes.tolist(), place[[5, 7, -1]].tolist()
    ([5, 7], [0, 1, -1])
    """
    found = np.zeros(max((int(column.max(initial=-1)) for column in columns), default=-1) + 2, np.bool_)
    for column in columns:
        found[column] = True
    found[-1] = False
    return np.flatnonzero(found), np.append(np.cumsum(found[:-1]) - 1, -1).astype(np.int32)
