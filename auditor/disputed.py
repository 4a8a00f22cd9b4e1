"""How probable it is that what stands of an item is wrong, where people answer with numbers, objects or transcripts.

- Numbers: the probability that the mean of the people's answers lies off the item's true one by more than half a step of the
  scale, from its standard error. Where the items' lowest and highest answers take more than `MOST_CATEGORIES` values, they are
  measurements, and what people usually differ by stands in for half a step. The variance is the item's own, drawn towards the
  task's by `PRIOR` degrees of freedom: two people who agree by luck do not make it 0.
- Boxes, spans, segments: the share of objects for which another person who looked has no counterpart, or another label.
- Transcripts: the share of words in which a transcript differs from what the others agree on, in the mean of its people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures.agreement import MOST_CATEGORIES

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditor.results import Results

    Floats = npt.NDArray[np.float64]

PRIOR = 4.0
_NUMBERS = "SELECT item_id, task, votes, mean, lowest, highest, coalesce(deviation, 0) AS deviation, usual FROM item_rating"
_OBJECTS = """
INSERT INTO unit
SELECT item_id, task, '', count(DISTINCT annotator_id), NULL,
       1 - avg(CAST(other_annotation_id IS NULL OR iou < 0.5 OR label IS DISTINCT FROM other_label AS DOUBLE))
FROM object_match GROUP BY item_id, task
"""
_TRANSCRIPTS = """
INSERT INTO unit
SELECT item_id, task, '', max(transcripts), NULL, 1 - avg(least(1, word_errors / greatest(others_words, words, 1)))
FROM transcript_vote WHERE word_errors IS NOT NULL GROUP BY item_id, task
"""


def add(of: Results) -> list[str]:
    """Put such items into the table `unit` of `auditor.queue`; returns what to say of it."""
    said = []
    if of.view("item_rating") and _numbers(of):
        said.append("numbers are ranked by how unsure the mean of an item is")
    if {"other_annotation_id", "iou", "other_label"} <= of.view("object_match"):
        of.con.execute(_OBJECTS)
        said.append("boxes, spans and segments are ranked by the share of them on which people differ")
    if {"word_errors", "others_words"} <= of.view("transcript_vote"):
        of.con.execute(_TRANSCRIPTS)
        said.append("transcripts are ranked by the share of words on which people differ")
    return said


def _numbers(of: Results) -> bool:
    import pyarrow as pa

    found: dict[str, Any] = of.con.execute(_NUMBERS).fetchnumpy()
    wrong = np.zeros(len(found["task"]))
    for task in set(found["task"].tolist()):
        at = found["task"] == task
        votes, mean, low, high, deviation, usual = (
            np.ma.asarray(found[name][at], np.float64).filled(np.nan)
            for name in ("votes", "mean", "lowest", "highest", "deviation", "usual")
        )
        wrong[at] = off(votes, mean, deviation, usual, tolerated(np.concatenate([low, high]), usual))
    # As text: a mean of numbers is no label that somebody gave.
    label = np.array([f"{value:.4g}" for value in found["mean"].tolist()], object)
    rows = {"item_id": found["item_id"], "task": found["task"], "label": label, "votes": found["votes"], "score": 1 - wrong}
    of.con.register("rated", pa.table({name: pa.array(values) for name, values in rows.items()}))
    of.con.execute("INSERT INTO unit SELECT item_id, task, label, votes, NULL, score FROM rated")
    of.con.unregister("rated")
    return bool(len(wrong))


def tolerated(answers: Floats, usual: Floats) -> Floats:
    """How far off a mean may be without being wrong: half a step of the scale, or what people usually differ by.

    Args:
        answers: numbers that people gave, shape (m,).
        usual: standard deviation within an item that is usual in the task, shape (n,).

    Returns:
        Shape (n,).

    >>> tolerated(np.array([1.0, 2.0, 4.0, 5.0]), np.array([0.7])).tolist()
    [0.5]
    """
    steps = np.unique(answers[np.isfinite(answers)])
    if 2 <= len(steps) <= MOST_CATEGORIES:
        return np.full(len(usual), float(np.median(np.diff(steps))) / 2)
    return usual


def off(votes: Floats, mean: Floats, deviation: Floats, usual: Floats, much: Floats) -> Floats:
    """Probability that a mean lies off by more than `much`, all of shape (n,).

    >>> off(np.array([2.0, 5.0]), np.zeros(2), np.array([2.0, 0.0]), np.ones(2), np.full(2, 0.5)).round(3).tolist()
    [0.6, 0.153]
    """
    from scipy.special import stdtr

    freedom = votes - 1 + PRIOR
    variance = ((votes - 1) * deviation**2 + PRIOR * usual**2) / freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(variance > 0, much / np.sqrt(variance / votes), np.inf)
    return np.asarray(np.where(np.isfinite(mean), 2 * stdtr(freedom, -far), 0.0), np.float64)
