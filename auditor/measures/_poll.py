"""Reading votes and a fitted model of annotators, for the measures that share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._ballots import ballots

if TYPE_CHECKING:
    import duckdb
    import numpy.typing as npt

    from auditor.measures._ballots import Ballots

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MOST_CELLS = 20_000_000  # pairs of person and label, times labels: more are texts rather than classes
UNKNOWN = -1  # all people without an id, together: nothing is known of any one of them


@dataclass(frozen=True)
class Poll:
    """The votes of one task, and the way back to the codes of `vote`.

    Attributes:
        votes: the votes, in codes without gaps.
        item: code in vote_item of each item.
        person: code in vote_code of each person; `UNKNOWN` first where there are votes without an id.
        label: code in vote_code of each label.
    """

    votes: Ballots
    item: npt.NDArray[np.int32]
    person: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]


def tasks(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    """Code and name of each task whose labels exclude each other, in the order of codes."""
    query = "SELECT task_code, task FROM vote_task WHERE exclusive AND NOT numeric AND votes > 0 ORDER BY task_code"
    return [(int(code), str(name)) for code, name in con.sql(query).fetchall()]


def poll(con: duckdb.DuckDBPyConnection, task: int) -> Poll | None:
    """The votes of a task; None where no item has two votes, or the labels are too many for a model (`MOST_CELLS`)."""
    query = "SELECT item, coalesce(annotator, $unknown) AS annotator, label FROM vote WHERE first AND NOT several AND task = $task"
    found = con.execute(query, {"task": task, "unknown": UNKNOWN}).fetchnumpy()  # stored in the order of items
    item = found["item"]
    if not (item[1:] == item[:-1]).any():
        return None
    person, who = _gapless(found["annotator"], -UNKNOWN)
    label, which = _gapless(found["label"], 0)
    if len(person) * len(label) > MOST_CELLS:
        return None
    votes = ballots(item, who, which)
    if len(votes.person) * votes.labels > MOST_CELLS:
        return None
    return Poll(votes, item[votes.start[:-1]], person, label)


def _gapless(codes: npt.NDArray[np.int32], shift: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The codes that occur, ascending, and the place of each; `shift` makes the smallest possible code 0.

    >>> codes, place = _gapless(np.array([4, -1, 4], np.int32), 1)
    >>> codes.tolist(), place.tolist()
    ([-1, 4], [1, 0, 1])
    """
    seen = np.zeros(int(codes.max(initial=-1)) + shift + 1, np.bool_)
    seen[codes + shift] = True
    place = np.cumsum(seen, dtype=np.int32) - 1
    return (np.flatnonzero(seen) - shift).astype(np.int32), place[codes + shift].astype(np.int32)


@dataclass(frozen=True)
class Model:
    """A fitted model of a task's annotators, of the pairs of its `Ballots`.

    Attributes:
        method: its name.
        log_error: log probability of each pair's label by its person where each label is right, shape (pairs, labels).
        log_prior: log share of each label, shape (labels,).
        expected: how often each pair was given where each label is right, shape (pairs, labels).
    """

    method: str
    log_error: Floats
    log_prior: Floats
    expected: Floats


def model(con: duckdb.DuckDBPyConnection, task: int, votes: Ballots) -> Model:
    """The model that `annotator_model` holds of a task; its rows come in the order of pairs and labels."""
    query = "SELECT method, rate, expected, prior FROM annotator_model WHERE task_code = $task ORDER BY annotator, label, truth"
    found = con.execute(query, {"task": task}).fetchnumpy()
    shape = (len(votes.person), votes.labels)
    rate, expected, prior = (np.asarray(found[name], np.float64).reshape(shape) for name in ("rate", "expected", "prior"))
    return Model(str(found["method"][0]), np.log(rate), np.log(prior[0]), expected)
