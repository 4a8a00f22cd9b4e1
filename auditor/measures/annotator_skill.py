"""How good each annotator's labels are: against the others, gold and a model, with and without the difficulty of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures import _skill, _truth
from auditor.measures._ballots import without_self
from auditor.measures._poll import UNKNOWN, model, poll, tasks
from auditor.measures._stats import Z95, benjamini_hochberg, wilson
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs
    from auditor.measures._poll import Model, Poll

    Ints = npt.NDArray[np.int64]

MEANING = "each annotator and task: accuracy, skill beside the items' difficulty, and how much of the answers comes from the items"
SOURCE = (
    "consensus of the others: annotator_model; shrinkage: Casella, American Statistician 39, 1985 (beta-binomial); ability and "
    "difficulty: Rasch 1960; spammer score: Raykar and Yu, JMLR 13, 2012, section 2.2; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "annotator_id")
EMPTY = "no item has two votes for labels that exclude each other, or nobody's id is known"
READS = ("vote", "vote_code", "vote_item", "vote_task", "annotator_model", "annotator_summary", "prediction", "model")
OPTIONAL = ("prediction", "model")
MIN_N = 20  # compared votes below which no p value is given: nobody is accused on less
_MODEL = "prediction.probs"
_FEW = f"nobody has {MIN_N} votes that can be compared"
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "the annotator, as given", needs="annotation.annotator_id"),
    "votes": Column("BIGINT", "votes of the annotator"),
    "n": Column("BIGINT", "votes on items where the others make one label most probable (the annotator's own vote left out)"),
    "agreed": Column("BIGINT", "of these, votes for that label"),
    "accuracy": Column("DOUBLE", "agreed over n, drawn towards the task's other annotators; NULL where n is 0", "0..1"),
    "low": Column("DOUBLE", "lower end of its 95 % interval (Beta posterior)", "0..1"),
    "high": Column("DOUBLE", "upper end", "0..1"),
    "peer_accuracy": Column("DOUBLE", "median accuracy of the annotators of the task", "0..1"),
    "gold_n": Column("BIGINT", "votes on items with gold"),
    "gold_accuracy": Column("DOUBLE", "share of these that are right; NULL without gold", "0..1"),
    "gold_low": Column("DOUBLE", "lower end of its 95 % Wilson interval", "0..1"),
    "gold_high": Column("DOUBLE", "upper end", "0..1"),
    "model_n": Column("BIGINT", "votes on items with a prediction (of several models the first in the alphabet)", needs=_MODEL),
    "model_accuracy": Column("DOUBLE", "share of these that are for the model's most probable class", "0..1", needs=_MODEL),
    "model_low": Column("DOUBLE", "lower end of its 95 % Wilson interval", "0..1", needs=_MODEL),
    "model_high": Column("DOUBLE", "upper end", "0..1", needs=_MODEL),
    "skill": Column("DOUBLE", "ability beside the difficulty of the items answered (Rasch)", "logits"),
    "skill_low": Column("DOUBLE", "lower end of its 95 % interval, the difficulties taken as known", "logits"),
    "skill_high": Column("DOUBLE", "upper end", "logits"),
    "skill_accuracy": Column("DOUBLE", "accuracy that this skill gives on an item of usual difficulty", "0..1"),
    "spammer_score": Column(
        "DOUBLE", "how far the answers depend on the right label: 1 wholly, 0 not at all (Raykar and Yu)", "0..1"
    ),
    "informed": Column(
        "DOUBLE", "share of the answers that come from the item as everybody's do: about 1 usual, 0 for who guesses"
    ),
    "informed_low": Column("DOUBLE", "lower end of its 95 % interval"),
    "informed_high": Column("DOUBLE", "upper end"),
    "spammer_p": Column(
        "DOUBLE", f"chance of so few right answers, were half of them informed; NULL for n < {MIN_N}", "0..1", absent=_FEW
    ),
    "spammer_q": Column("DOUBLE", "the same, corrected over the annotators of the task", "0..1", absent=_FEW),
    "slip_given": Column("VARCHAR", "commonest disagreement with the majority of the others: label given"),
    "slip_others": Column("VARCHAR", "… and the majority's label"),
    "slip_votes": Column("BIGINT", "… and how often"),
    "seconds_median": Column("DOUBLE", "median time spent on an annotation", "seconds", needs="annotation.seconds"),
    "seconds_z": Column(
        "DOUBLE",
        "robust z of its logarithm among the annotators",
        needs="annotation.seconds",
        absent="fewer than 3 people have times",
    ),
    "longest_run": Column("BIGINT", "longest run of one label", needs="annotation.created_at"),
    "run_chance": Column("DOUBLE", "upper bound of the chance of such a run", "0..1", needs="annotation.created_at"),
}
_PREDICTED = """
WITH first AS (
  SELECT task, min(model) AS model FROM model GROUP BY task
), predicted AS (
  SELECT p.item_id, l.code FROM prediction AS p JOIN model AS m ON m.task = p.task AND m.model = p.model
  JOIN first ON first.task = p.task AND first.model = p.model
  JOIN vote_code AS l ON l.kind = 'label' AND l.text = m.classes[list_position(p.probs, list_max(p.probs))]
  WHERE p.task = $name
)
SELECT annotator, count(*) AS n, count(*) FILTER (label = code) AS agreed
FROM vote JOIN vote_item USING (item) JOIN predicted USING (item_id)
WHERE first AND NOT several AND vote.task = $task AND annotator IS NOT NULL GROUP BY annotator
"""
_JOINED = """
SELECT t.task, a.text AS annotator_id, k.votes, k.n, k.agreed, k.accuracy, k.low, k.high, peer_accuracy,
       s.gold_compared AS gold_n, s.gold_agreement AS gold_accuracy, s.gold_low, s.gold_high,
       model_n, model_accuracy, model_low, model_high, skill, skill_low, skill_high, skill_accuracy, spammer_score,
       informed, informed_low, informed_high, spammer_p, spammer_q, slip_given, slip_others, slip_votes,
       median_seconds AS seconds_median, seconds_z, longest_run, run_chance
FROM known AS k JOIN vote_task AS t USING (task_code) JOIN vote_code AS a ON a.kind = 'annotator' AND a.code = k.annotator
LEFT JOIN annotator_summary AS s ON s.task = t.task AND s.annotator_id = a.text
"""
_OWN = (
    "votes", "n", "agreed", "accuracy", "low", "high", "peer_accuracy", "model_n", "model_accuracy", "model_low", "model_high",
    "skill", "skill_low", "skill_high", "skill_accuracy", "spammer_score", "informed", "informed_low", "informed_high",
    "spammer_p", "spammer_q",
)  # fmt: skip


def compute(inputs: Inputs) -> pa.RecordBatchReader:
    """Judge every known annotator of exclusive tasks.

    Args:
        inputs: the measures vote, vote_code, vote_item, vote_task, annotator_model, annotator_summary, and the tables prediction,
            model.

    Returns:
        Arrow with `COLUMNS`. The consensus of the others leaves the annotator's own vote out, but the others' errors were learnt
        with it. Answers are taken as independent given their items.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    modelled = {code for (code,) in con.sql("SELECT DISTINCT task_code FROM annotator_model").fetchall()}
    whole = {"task_code", "annotator", "votes", "n", "agreed", "model_n"}
    schema = pa.schema([(name, pa.int64() if name in whole else pa.float64()) for name in ("task_code", "annotator", *_OWN)])
    parts = [schema.empty_table()]
    names = [task for task in tasks(con) if task[0] in modelled]
    for done, (code, name) in enumerate(names):
        inputs.progress("judging people", done, len(names))
        read = poll(con, code)
        if read is None:
            continue
        found = con.execute(_PREDICTED, {"task": code, "name": name}).fetchnumpy()
        columns = {
            "task_code": np.full(len(read.person), code),
            "annotator": read.person,
            **known(read, model(con, code, read.votes)),
        }
        columns |= _predicted(read.person, found)
        rows = read.person != UNKNOWN
        arrays = [pa.array(np.asarray(columns[field.name])[rows], field.type, from_pandas=True) for field in schema]
        parts.append(pa.table(dict(zip(schema.names, arrays, strict=True)), schema=schema))
    con.register("known", pa.concat_tables(parts))
    return con.sql(_JOINED).to_arrow_reader(1 << 16)


def known(read: Poll, made: Model) -> dict[str, Any]:
    """What the votes alone say of each person, arrays of shape (people,)."""
    votes = read.votes
    truth = np.concatenate([without_self(votes, *block, made.log_error, made.log_prior)[0] for block in votes.blocks()])
    item = np.repeat(np.arange(votes.items), np.diff(votes.start))
    person, label = votes.person[votes.pair].astype(np.int64), votes.label[votes.pair].astype(np.int64)
    given = np.bincount(person, minlength=votes.people)
    told = truth >= 0
    item, person, label, truth = item[told], person[told], label[told], truth[told]
    right = label == truth
    n, agreed = np.bincount(person, minlength=votes.people), np.bincount(person, right, votes.people).astype(np.int64)
    accuracy, low, high = _skill.shrunk(agreed.astype(np.float64), n.astype(np.float64))
    ability, error, difficulty = _padded(_skill.rasch(item, person, right), votes.people)
    table = np.broadcast_to(_usual(read, made), (votes.people, votes.labels, votes.labels)).copy()
    table *= (_truth.STRENGTH / (votes.of_people(made.expected) + _truth.STRENGTH))[:, None, :]
    table[votes.person, votes.label] = _truth.shrunk(votes, made.expected, _truth.STRENGTH)
    share = _skill.informed(person, truth, label, votes.people, votes.labels)
    p = np.where(n >= MIN_N, share.pop("spammer_p"), np.nan)
    p[read.person == UNKNOWN] = np.nan
    usual = difficulty.mean() if len(difficulty) else 0.0
    judged = accuracy[(n > 0) & (read.person != UNKNOWN)]
    return {
        "votes": given, "n": n, "agreed": agreed, "accuracy": accuracy, "low": low, "high": high,
        "peer_accuracy": np.full(votes.people, np.median(judged) if len(judged) else np.nan),
        "skill": ability.round(6), "skill_low": (ability - Z95 * error).round(6), "skill_high": (ability + Z95 * error).round(6),
        "skill_accuracy": (1 / (1 + np.exp(usual - ability))).round(6),
        "spammer_score": np.where(given > 0, _skill.spammer_score(table), np.nan), **share,
        "spammer_p": p, "spammer_q": benjamini_hochberg(p),
    }  # fmt: skip


def _usual(read: Poll, made: Model) -> Any:
    return _truth.everybody(read.votes, made.expected)


def _padded(found: tuple[Any, Any, Any], people: int) -> tuple[Any, Any, Any]:
    """The same for all people: those without an answer that compares may be the last."""
    ability, error, difficulty = found
    rest = np.full(people - len(ability), np.nan)
    return np.concatenate([ability, rest]), np.concatenate([error, rest]), difficulty


def _predicted(people: npt.NDArray[np.int32], found: dict[str, Any]) -> dict[str, Any]:
    """Agreement with the model, arrays of shape (people,)."""
    n, agreed = (np.zeros(len(people)) for _ in range(2))
    place = np.searchsorted(people, found["annotator"])
    n[place], agreed[place] = found["n"], found["agreed"]
    low, high = wilson(agreed, n)
    with np.errstate(invalid="ignore"):
        return {"model_n": np.where(n > 0, n, np.nan), "model_accuracy": agreed / n, "model_low": low, "model_high": high}
