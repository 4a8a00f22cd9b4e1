"""Habits that only the order and the kind of an annotator's items show: drift, fatigue, repeating patterns, care on gold items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._habits_in_time import bounds, means, ranks, repeats, sittings, slope
from auditor.measures._stats import benjamini_hochberg, difference
from auditor.measures._tally import starts
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MEANING = (
    "how each annotator's agreement with the others changes over time, over a sitting and on gold items, and whether answers repeat"
)
SOURCE = (
    "agreement with the majority of the others minus that of the others on the same item; slope: White, Econometrica 48, 1980; "
    "pattern: matches at a lag given the items, of the best of eleven lags (Bonferroni); gold: Welch, Biometrika 34, 1947; "
    "Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "annotator_id")
EMPTY = "no task has labels that exclude each other and says who gave them"
READS = ("vote", "vote_code", "vote_task")
MIN_N = 30  # votes that compare, below which no p value is given: nobody is accused on less
EASE = 2.0  # votes of the whole task in an item's usual agreement
_TIMED = "annotation.created_at"
_GOLD = "not every item has gold, or none has"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "n": Column("BIGINT", "votes on items where the others have a majority"),
    "timed": Column("BIGINT", "of these, votes whose time puts them in an order"),
    "drift": Column(
        "DOUBLE", "change of agreement from the first answer to the last, beside that of the others", "-1..1", needs=_TIMED
    ),
    "drift_low": Column("DOUBLE", "lower end of its 95 % interval", "-1..1", needs=_TIMED),
    "drift_high": Column("DOUBLE", "upper end", "-1..1", needs=_TIMED),
    "drift_p": Column(
        "DOUBLE", "two-sided p value of no drift", "0..1", needs=_TIMED, absent=f"nobody has {MIN_N} votes in an order"
    ),
    "drift_q": Column(
        "DOUBLE", "corrected over the annotators of the task", "0..1", needs=_TIMED, absent=f"nobody has {MIN_N} votes in an order"
    ),
    "early": Column("DOUBLE", "agreement in the first third of the time-ordered votes", "0..1", needs=_TIMED),
    "late": Column("DOUBLE", "agreement in the last third", "0..1", needs=_TIMED),
    "sittings": Column("BIGINT", "sittings: half an hour without an answer ends one", needs=_TIMED),
    "fatigue": Column(
        "DOUBLE", "change of agreement per hour within a sitting, beside that of the others", "per hour", needs=_TIMED
    ),
    "fatigue_low": Column("DOUBLE", "lower end of its 95 % interval", needs=_TIMED),
    "fatigue_high": Column("DOUBLE", "upper end", needs=_TIMED),
    "fatigue_p": Column("DOUBLE", "two-sided p value of no change", "0..1", needs=_TIMED),
    "fatigue_q": Column("DOUBLE", "corrected over the annotators of the task", "0..1", needs=_TIMED),
    "period": Column("BIGINT", "lag, in answers, at which they repeat most beyond what the items explain (2 to 12)", needs=_TIMED),
    "period_pairs": Column("BIGINT", "pairs of answers at this lag", needs=_TIMED),
    "period_same": Column("DOUBLE", "share of these that are the same", "0..1", needs=_TIMED),
    "period_expected": Column(
        "DOUBLE", "the same, of one who answers such items like this but each for itself", "0..1", needs=_TIMED
    ),
    "period_others": Column("DOUBLE", "share of the pairs for which the others' majorities are the same", "0..1", needs=_TIMED),
    "period_beside": Column("DOUBLE", "share of the same at the lags one shorter and one longer", "0..1", needs=_TIMED),
    "period_p": Column("DOUBLE", "chance of so many, for the best of all lags", "0..1", needs=_TIMED),
    "period_q": Column("DOUBLE", "corrected over the annotators of the task", "0..1", needs=_TIMED),
    "gold_n": Column("BIGINT", "of n, votes on items with gold"),
    "gold_agreement": Column("DOUBLE", "agreement with the others' majority on these", "0..1", absent=_GOLD),
    "plain_agreement": Column("DOUBLE", "… and on items without gold", "0..1", absent=_GOLD),
    "gold_gap": Column("DOUBLE", "difference of both, each beside the others' agreement on the same items", "-1..1", absent=_GOLD),
    "gold_gap_low": Column("DOUBLE", "lower end of its 95 % interval", "-1..1", absent=_GOLD),
    "gold_gap_high": Column("DOUBLE", "upper end", "-1..1", absent=_GOLD),
    "gold_gap_p": Column("DOUBLE", "two-sided p value of no difference", "0..1", absent=_GOLD),
    "gold_gap_q": Column("DOUBLE", "corrected over the annotators of the task", "0..1", absent=_GOLD),
}
_UNIT = """
CREATE TEMP TABLE unit AS
SELECT v.task, item, count(others) AS n, count(*) FILTER (label = others) AS agreed
FROM vote AS v JOIN vote_task AS t ON t.task_code = v.task AND t.exclusive AND NOT t.numeric
WHERE first AND NOT v.several GROUP BY v.task, item
"""
_ORDERED = """
SELECT v.task, annotator, label, coalesce(others, -1) AS others, coalesce(epoch_us(created_at), -1) AS time, gold IS NOT NULL AS
gold,
       u.n, u.agreed, s.mean
FROM vote AS v JOIN unit AS u USING (task, item)
JOIN (SELECT task, sum(agreed) / greatest(sum(n), 1) AS mean FROM unit GROUP BY task) AS s USING (task)
WHERE first AND NOT several AND annotator IS NOT NULL
ORDER BY v.task, annotator, created_at, vote
"""
_BATCH = 1 << 19  # rows
_FAMILIES = ("drift", "fatigue", "period", "gold_gap")


def compute(inputs: Inputs) -> pa.Table:
    """Look at each annotator's votes in the order of time.

    Args:
        inputs: the measures vote, vote_code, vote_task.

    Returns:
        Arrow with `COLUMNS`. Where fewer than half of a person's times differ they order nothing, and what needs an order is NULL.
        Answers are taken as independent given their items.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    con.execute(_UNIT)
    parts = [_judged(rows) for rows in _whole(con.sql(_ORDERED).to_arrow_reader(_BATCH))]
    names = dict(con.sql("SELECT task_code, task FROM vote_task").fetchall())
    people = [text for (text,) in con.sql("SELECT text FROM vote_code WHERE kind = 'annotator' ORDER BY code").fetchall()]
    kinds = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
    if not parts:
        return pa.schema([(name, kinds[spec.type]) for name, spec in COLUMNS.items()]).empty_table()
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for family in _FAMILIES:
        whole[f"{family}_p"] = np.where(whole[f"{family}_enough"], whole[f"{family}_p"], np.nan)
        q = np.full(len(whole["task"]), np.nan)
        for task in np.unique(whole["task"]):
            mine = whole["task"] == task
            q[mine] = benjamini_hochberg(whole[f"{family}_p"][mine])
        whole[f"{family}_q"] = q
    columns: dict[str, Any] = {
        **whole, "task": [names[code] for code in whole["task"]], "annotator_id": [people[code] for code in whole["annotator"]],
    }  # fmt: skip
    return pa.table({name: pa.array(columns[name], kinds[spec.type], from_pandas=True) for name, spec in COLUMNS.items()})


def _whole(reader: pa.RecordBatchReader) -> Iterator[dict[str, Any]]:
    """Batches that hold all votes of each of their people, as arrays."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in reader:
        if not batch.num_rows:
            continue
        task, who = (batch[name].to_numpy() for name in ("task", "annotator"))
        last = int(np.flatnonzero(starts(task, who))[-1])
        before = held[-1].slice(held[-1].num_rows - 1).to_pylist()[0] if held else None
        if last or (before and (before["task"], before["annotator"]) != (task[0], who[0])):
            yield _arrays(pa.concat_batches([*held, batch.slice(0, last)]))
            held = []
        held.append(batch.slice(last))
    if held:
        yield _arrays(pa.concat_batches(held))


def _arrays(batch: pa.RecordBatch) -> dict[str, Any]:
    return {name: batch[name].to_numpy(zero_copy_only=False) for name in batch.schema.names}


def _judged(rows: dict[str, Any]) -> dict[str, Any]:
    """All columns for the people of a batch, in codes; NaN where something cannot be told."""
    begins = np.flatnonzero(starts(rows["task"], rows["annotator"]))
    people = len(begins)
    person = np.repeat(np.arange(people), np.diff(begins, append=len(rows["task"])))
    label, others, time = (np.asarray(rows[name], np.int64) for name in ("label", "others", "time"))
    right, told = label == others, others >= 0
    # What the others on the same item agree, drawn towards the task: hard items do not make anybody look worse.
    usual = (rows["agreed"] - right + EASE * rows["mean"]) / np.maximum(rows["n"] - told + EASE, EASE)
    off = right - usual
    some = told & (time >= 0)
    # Times that are mostly equal (an import's, a batch's) order nothing.
    stamped = np.bincount(person, time >= 0, people)
    different = np.bincount(person, (time >= 0) & starts(person, time), people)
    ordered = 2 * different >= stamped
    timed = some & ordered[person]
    found: dict[str, Any] = {
        "task": rows["task"][begins], "annotator": rows["annotator"][begins],
        "n": np.bincount(person, told, people), "timed": np.bincount(person, timed, people),
    }  # fmt: skip
    return (
        found
        | _drift(person, people, timed, time, off, right)
        | _pattern(person, people, ordered, label, others, time)
        | _gold(person, people, told, np.asarray(rows["gold"], np.bool_), off, right)
    )


def _drift(
    person: Ints, people: int, timed: npt.NDArray[np.bool_], time: Ints, off: Floats, right: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    who, when, y, hit = person[timed], time[timed], off[timed], right[timed]
    place = ranks(who, when)
    drift, error, p = _long(slope(who, people, place, y), people)
    number, hours = sittings(who, when)
    owner = who[np.flatnonzero(starts(number))] if len(who) else who
    fatigue, hour_error, hour_p = _long(slope(number, len(owner), hours, y, owner), people)
    n = np.bincount(who, minlength=people)
    sides = {}
    for name, side in (("early", place < -1 / 6), ("late", place > 1 / 6)):
        count = np.bincount(who[side], minlength=people)
        sides[name] = np.divide(np.bincount(who[side], hit[side], people), count, out=np.full(people, np.nan), where=count > 0)
    low, high = bounds(drift, error)
    hour_low, hour_high = bounds(fatigue, hour_error)
    return {
        "drift": drift, "drift_low": low, "drift_high": high, "drift_p": p, "drift_enough": n >= MIN_N, **sides,
        "sittings": _or_null(np.bincount(owner, minlength=people)), "fatigue": fatigue, "fatigue_low": hour_low,
        "fatigue_high": hour_high, "fatigue_p": hour_p, "fatigue_enough": n >= MIN_N,
    }  # fmt: skip


def _long(values: tuple[Floats, ...], people: int) -> tuple[Floats, ...]:
    """Filled up for people who come last and have no value."""
    return tuple(np.concatenate([value, np.full(people - len(value), np.nan)]) for value in values)


def _or_null(counts: Ints) -> Floats:
    return np.where(counts > 0, counts, np.nan)


def _pattern(person: Ints, people: int, ordered: npt.NDArray[np.bool_], label: Ints, others: Ints, time: Ints) -> dict[str, Any]:
    used = (time >= 0) & ordered[person]
    _, code = np.unique(np.concatenate([label[used], others[used], [-1]]), return_inverse=True)
    size = int(used.sum())
    got = repeats(person[used], people, code[:size] - 1, code[size:-1] - 1)
    known = got["period"] > 0
    return {
        "period": np.where(known, got["period"], np.nan), "period_pairs": np.where(known, got["pairs"], np.nan),
        "period_same": got["same"], "period_expected": got["expected"], "period_others": got["others_same"],
        "period_beside": got["beside"], "period_p": got["p"], "period_enough": got["pairs"] >= MIN_N,
    }  # fmt: skip


def _gold(
    person: Ints, people: int, told: npt.NDArray[np.bool_], gold: npt.NDArray[np.bool_], off: Floats, right: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    on, plain = means(person, people, told & gold, off), means(person, people, told & ~gold, off)
    gap, low, high, p = difference(on, plain)
    hits = right.astype(np.float64)
    return {
        "gold_n": on[2], "gold_agreement": means(person, people, told & gold, hits)[0],
        "plain_agreement": means(person, people, told & ~gold, hits)[0], "gold_gap": gap, "gold_gap_low": low,
        "gold_gap_high": high, "gold_gap_p": p, "gold_gap_enough": (on[2] >= MIN_N) & (plain[2] >= MIN_N),
    }  # fmt: skip
