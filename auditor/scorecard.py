"""Annotators beside their peers: how many answers, how many right, how fast, the commonest slip with examples that show it.

Nothing is said of anybody on thin evidence: below `LEAST` answers no accuracy is compared, and a slip stands out only where it is
commoner than among the others after correction over all annotators and pairs of labels (Benjamini-Hochberg, `annotator_slip`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError
from auditor.measures.annotator_summary import PEER_VOTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.results import Results

LEAST = PEER_VOTES  # answers that can be compared
FEW_PEERS = 5  # of fewer others no spread is shown: it would show their own figures
EXAMPLES = 6
FALSE_SHARE = 0.05  # of the slips that are called so


@dataclass(frozen=True)
class Peers:
    """The other annotators of the task with enough answers: how many, and the quartiles of their accuracies."""

    n: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Slip:
    """One label given where the others say another.

    Attributes:
        given, truth: the labels.
        x, n: how often, of how many answers where the others say `truth`.
        rate, low, high: x / n and its 95 % Wilson interval.
        peer_rate: how often everybody else does so, or None.
        stands_out: commoner than among the others, after correction.
    """

    given: str
    truth: str
    x: int
    n: int
    rate: float
    low: float
    high: float
    peer_rate: float | None
    stands_out: bool


@dataclass(frozen=True)
class Example:
    """An item that shows the slip: what was given, what most others say and how many of them, the gold label or ""."""

    item_id: str
    given: str
    others: str
    votes: int
    of: int
    gold: str


@dataclass(frozen=True)
class Part:
    """One annotator in one task.

    Attributes:
        n: answers that can be compared.
        against: what they are compared with.
        accuracy, low, high: share of these that are right, with its 95 % interval; None where nothing compares.
        peers: the others, or None where they are too few.
        answers: all answers.
        seconds, peer_seconds: median time for an answer, and the median of all annotators', or None.
        run, run_label: longest run of one label; None on thin evidence.
        run_rare: such a run is improbable for one who labels like the others, at `FALSE_SHARE` over all annotators (Bonferroni).
        slip: the one that stands out most, else the commonest; None without any.
        examples: items that show it.
    """

    task: str
    n: int
    against: str
    accuracy: float | None
    low: float | None
    high: float | None
    peers: Peers | None
    answers: int
    seconds: float | None
    peer_seconds: float | None
    run: int | None
    run_label: str
    run_rare: bool
    slip: Slip | None
    examples: tuple[Example, ...] = field(default=())

    @property
    def thin(self) -> bool:
        """Too few answers to say anything of the person."""
        return self.n < LEAST or self.accuracy is None


@dataclass(frozen=True)
class Card:
    """One annotator: the id that outputs show, a name where somebody opened it, and a part a task."""

    annotator_id: str
    name: str
    parts: tuple[Part, ...]


def cards(of: Results, names: Mapping[str, str] | None = None, *, examples: bool = False) -> tuple[Card, ...]:
    """All annotators, those with the most answers first.

    Args:
        of: the results.
        names: annotator -> name, for those whose name was opened.
        examples: look up the items that show each slip.

    Raises:
        AuditorError: there is no measure of annotators.
    """
    summary = of.view("annotator_summary")
    if not summary:
        why = "no annotator is named, or the audit was made for the public"
        raise AuditorError(f"nothing is known of annotators here: {why}", "auditor checks need annotator_id: map a column to it")
    slips = _slips(of)
    shown = _examples(of, slips) if examples else {}
    parts: dict[str, list[Part]] = {}
    for row in _rows(of):
        key = (row["task"], row["annotator_id"])
        slip = slips.get(key)
        parts.setdefault(row["annotator_id"], []).append(
            Part(
                row["task"], row["n"], row["against"], row["accuracy"], row["low"], row["high"], row["peers"], row["annotations"],
                row["median_seconds"], row["peer_seconds"], row["run"], row["run_label"] or "", row["run_rare"], slip,
                tuple(shown.get(key, ())),
            )
        )  # fmt: skip
    made = [Card(who, (names or {}).get(who, ""), tuple(found)) for who, found in parts.items()]
    return tuple(sorted(made, key=lambda one: (-sum(part.answers for part in one.parts), one.annotator_id)))


def _rows(of: Results) -> list[dict[str, Any]]:
    """One row an annotator and task; accuracy by `annotator_skill` if it is there, else by gold, else by the others' majority."""
    skill = of.view("annotator_skill")
    own = "gold_compared >= compared AND gold_compared > 0"
    if {"n", "accuracy", "low", "high"} <= skill:
        accuracy = "k.n AS n, k.accuracy AS accuracy, k.low AS low, k.high AS high, 'the consensus' AS against"
        one = "SELECT DISTINCT ON (annotator_id, task) * FROM annotator_skill ORDER BY ALL"
        joined = f"LEFT JOIN ({one}) AS k USING (annotator_id, task)"
    else:
        accuracy = (
            f"CASE WHEN {own} THEN gold_compared ELSE compared END AS n, "
            f"CASE WHEN {own} THEN gold_agreement ELSE agreement END AS accuracy, "
            f"CASE WHEN {own} THEN gold_low ELSE agreement_low END AS low, "
            f"CASE WHEN {own} THEN gold_high ELSE agreement_high END AS high, "
            f"CASE WHEN {own} THEN 'gold' ELSE 'the majority of the others' END AS against"
        )
        joined = ""
    query = (
        "SELECT s.task, s.annotator_id, s.annotations, s.median_seconds, s.peer_seconds, s.longest_run, s.run_label, s.run_chance, "
        f"{accuracy} FROM annotator_summary AS s {joined} WHERE s.annotator_id IS NOT NULL ORDER BY s.task, s.annotator_id"
    )
    read = of.con.execute(query)
    names = [str(column[0]) for column in read.description or ()]
    rows = [dict(zip(names, values, strict=True)) for values in read.fetchall()]
    people = Counter(row["task"] for row in rows)
    for row in rows:
        row["n"] = int(row["n"] or 0)
        enough = row["n"] >= LEAST
        row["run"] = row["longest_run"] if enough else None
        chance = row["run_chance"]
        row["run_rare"] = enough and chance is not None and chance * people[row["task"]] < FALSE_SHARE
    counted: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        if row["accuracy"] is not None and row["n"] >= LEAST:
            counted.setdefault(row["task"], []).append((row["annotator_id"], row["accuracy"]))
    return [
        row | {"peers": _peers([one for who, one in counted.get(row["task"], ()) if who != row["annotator_id"]])} for row in rows
    ]


def _peers(accuracies: list[float]) -> Peers | None:
    import numpy as np

    if len(accuracies) < FEW_PEERS:
        return None
    low, median, high = (float(value) for value in np.quantile(accuracies, (0.25, 0.5, 0.75)))
    return Peers(len(accuracies), low, median, high)


def _slips(of: Results) -> dict[tuple[str, str], Slip]:
    """(task, annotator) -> the slip that stands out most, else the commonest, of those with enough answers behind them."""
    if not of.view("annotator_slip"):
        return {}
    rows = of.con.execute(
        "SELECT task, annotator_id, label, truth, x, n, rate, low, high, peer_rate, coalesce(q < $level, false) AS out "
        "FROM annotator_slip WHERE n >= $least AND x > 1 "
        "QUALIFY row_number() OVER (PARTITION BY task, annotator_id ORDER BY out DESC, x DESC, rate DESC, truth, label) = 1",
        {"level": FALSE_SHARE, "least": LEAST},
    ).fetchall()
    return {(task, who): Slip(*rest) for task, who, *rest in rows}


def _examples(of: Results, slips: Mapping[tuple[str, str], Slip]) -> dict[tuple[str, str], list[Example]]:
    """Items that show each slip: gold before the rest, and those about which the others agree most."""
    import pyarrow as pa

    if not slips or not all(of.view(name) for name in ("vote", "vote_code", "vote_item")):
        return {}
    of.con.register("slip_arrow", pa.table({
        "task": [task for task, _ in slips], "who": [who for _, who in slips],
        "given": [one.given for one in slips.values()], "truth": [one.truth for one in slips.values()],
    }))  # fmt: skip
    rows = of.con.execute(
        f"""
        WITH code AS (SELECT kind, code, text FROM vote_code), wanted AS (
          SELECT s.*, t.code AS task_code, a.code AS annotator, l.code AS label, o.code AS others FROM slip_arrow AS s
          JOIN code AS t ON t.kind = 'task' AND t.text = s.task JOIN code AS a ON a.kind = 'annotator' AND a.text = s.who
          JOIN code AS l ON l.kind = 'label' AND l.text = s.given JOIN code AS o ON o.kind = 'label' AND o.text = s.truth
        ), shown AS (
          SELECT w.task, w.who, w.given, w.truth, v.item, v.task AS task_code, w.others, v.gold, w.annotator
          FROM vote AS v JOIN wanted AS w
            ON v.task = w.task_code AND v.annotator = w.annotator AND v.label = w.label AND v.others = w.others
          WHERE v.first AND NOT v.several
        ), counted AS (
          SELECT s.task, s.who, s.given, s.truth, s.item, s.gold, s.others,
                 count(*) FILTER (v.label = s.others) AS votes, count(*) AS of
          FROM shown AS s JOIN vote AS v ON v.item = s.item AND v.task = s.task_code AND v.first AND NOT v.several
            AND v.annotator IS DISTINCT FROM s.annotator
          GROUP BY ALL
        )
        SELECT c.task, c.who, i.item_id, c.given, c.truth, c.votes, c.of, coalesce(g.text, '')
        FROM counted AS c JOIN vote_item AS i USING (item) LEFT JOIN code AS g ON g.kind = 'label' AND g.code = c.gold
        QUALIFY row_number() OVER (
          PARTITION BY c.task, c.who ORDER BY coalesce(c.gold = c.others, false) DESC, c.votes / c.of DESC, c.votes DESC, i.item_id
        ) <= {EXAMPLES}
        ORDER BY c.task, c.who, coalesce(c.gold = c.others, false) DESC, c.votes / c.of DESC, c.votes DESC, i.item_id
        """
    ).fetchall()
    of.con.unregister("slip_arrow")
    found: dict[tuple[str, str], list[Example]] = {}
    for task, who, *rest in rows:
        found.setdefault((task, who), []).append(Example(*rest))
    return found
