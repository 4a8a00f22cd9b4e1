"""`auditor queue`: what to look at again first, for the most expected gain a minute.

Expected gain of a look = probability that the label is wrong x probability that a look sets it right.

- Wrong, of an item that people voted on: 1 - ActiveLab's score, from the consensus' probability, the votes, and one more answer.
- Wrong, of numbers, objects and transcripts: see `auditor.disputed`.
- Wrong, of an annotation that nobody else voted on, where a model judges it: the same, from the model's probability of the label.
- Wrong, of what checks found something about: how often these checks are right, from what people said of their findings; 0.5 of
  those of which nothing is known. The largest of these counts: they look at the same evidence and are not multiplied.
- Set right: the median annotator's accuracy in the task. Minutes: the median annotator's time for one annotation of the task.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor import disputed, gate, results, review

if TYPE_CHECKING:
    import numpy.typing as npt
    from duckdb import DuckDBPyConnection as Connection

    from auditor.results import Results

    Floats = npt.NDArray[np.float64]

LIMIT = 1_000
_EVEN = 0.5  # how sure one is of a finding whose check nobody judged: the mean of the prior


@dataclass(frozen=True)
class Row:
    """One look.

    Attributes:
        item_id, annotation_id, task: what is looked at; annotation_id is "" for the item as a whole, task where none is meant.
        given: the label that stands, or "".
        suggested: the label that a model would give, or "".
        wrong: probability that it is wrong, 0..1.
        gain: labels that one look is expected to set right.
        seconds: how long a look takes; None where no times are known.
        per_minute: gain a minute, or None.
        votes: how many people voted, or None.
        entropy: of their votes, in bits, or None.
        why: consensus | model | findings: where `wrong` is from; gate: chosen so that it passes.
        findings: how many are about it.
        checks: which checks found them.
    """

    item_id: str
    annotation_id: str
    task: str
    given: str
    suggested: str
    wrong: float
    gain: float
    seconds: float | None
    per_minute: float | None
    votes: int | None
    entropy: float | None
    why: str
    findings: int
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """Looks in their order.

    Attributes:
        rows: the first ones.
        total: how many there are.
        notes: what it rests on, and what was lacking.
    """

    rows: tuple[Row, ...]
    total: int
    notes: tuple[str, ...] = field(default=())


def activelab(quality: Floats, weights: Floats, model: Floats, one_more: Floats, classes: Floats) -> Floats:
    """ActiveLab's score: how sure a label would be once one more answer came in that says nothing yet; the lowest first.

    Args:
        quality: probability that the consensus label is right, shape (n,).
        weights: sum of the weights of the item's annotators, shape (n,) or ().
        model: weight of the model, 0 without one.
        one_more: weight of the next annotator: the mean of all.
        classes: how many labels there are.

    Returns:
        Scores, 0..1, shape (n,).

    Source: Goh and Mueller, ActiveLab: Active Learning with Re-Labeling by Multiple Annotators, ICLR 2023 workshop, section 3.

    >>> [round(float(one), 3) for one in activelab(np.array([1.0, 1.0, 0.6]), np.array([1.0, 5.0, 5.0]), 0, 1, 2)]
    [0.75, 0.917, 0.583]
    """
    have = np.asarray(weights, np.float64) + model
    return np.asarray((quality * have + one_more / np.asarray(classes, np.float64)) / (have + one_more), np.float64)


_SCORE = "({quality} * ({weights} + {model}) + 1.0 / classes) / ({weights} + {model} + 1)"


def rank(of: Results, limit: int = LIMIT) -> Queue:
    """All looks, the one with the most expected gain a minute first."""
    con, notes = of.con, list[str]()
    _tasks(of, notes)
    _units(of, notes)
    _models(of, notes)
    _found(of, notes)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE look AS
        WITH about AS (
          -- what is found about an item as a whole joins the votes on it where one question only was asked about it
          SELECT f.item_id, f.annotation_id, coalesce(f.task, lone.task, '') AS task, f.label, f.wrong, f.findings, f.checks
          FROM found AS f LEFT JOIN (
            SELECT item_id, any_value(task) AS task FROM unit GROUP BY item_id HAVING count(*) = 1
          ) AS lone ON f.annotation_id = '' AND lone.item_id = f.item_id
        ), basis AS (
          SELECT item_id, '' AS annotation_id, task, label AS given, '' AS suggested, 1 - score AS wrong, votes, entropy,
                 'consensus' AS why
          FROM unit
          UNION ALL
          SELECT item_id, annotation_id, task, label, suggested, 1 - score, 1, NULL, 'model' FROM judged
        ), joined AS (
          SELECT coalesce(b.item_id, a.item_id) AS item_id, coalesce(b.annotation_id, a.annotation_id) AS annotation_id,
                 coalesce(b.task, a.task) AS task, coalesce(b.given, a.label, '') AS given, coalesce(b.suggested, '') AS suggested,
                 greatest(coalesce(b.wrong, 0), coalesce(a.wrong, 0)) AS wrong, b.votes, b.entropy,
                 CASE WHEN b.why IS NULL OR a.wrong > b.wrong THEN 'findings' ELSE b.why END AS why,
                 coalesce(a.findings, 0) AS findings, coalesce(a.checks, []) AS checks
          FROM basis AS b FULL JOIN about AS a
            ON a.item_id = b.item_id AND a.annotation_id = b.annotation_id AND (a.annotation_id <> '' OR a.task = b.task)
        )
        SELECT joined.*, wrong * coalesce(t.accuracy, (SELECT accuracy FROM asked WHERE task = ''), 1) AS gain,
               coalesce(t.seconds, (SELECT seconds FROM asked WHERE task = '')) AS seconds
        FROM joined LEFT JOIN asked AS t ON t.task = joined.task AND t.task <> ''
        WHERE wrong > 0
        """
    )
    total = int(con.execute("SELECT count(*) FROM look").fetchall()[0][0])
    rows = con.execute(
        "SELECT item_id, annotation_id, task, given, suggested, wrong, gain, seconds, gain * 60 / seconds AS per_minute, votes, "
        # Rounded, so that the order does not hang on the last bit of a sum.
        "entropy, why, findings, checks FROM look ORDER BY round(coalesce(per_minute, gain), 12) DESC, round(gain, 12) DESC, "
        "entropy DESC NULLS LAST, item_id, annotation_id, task LIMIT $limit",
        {"limit": limit},
    ).fetchall()
    return Queue(tuple(_row(row) for row in rows), total, tuple(notes))


def _row(row: tuple[Any, ...]) -> Row:
    named = dict(zip((one.name for one in fields(Row)), row, strict=True))
    return Row(**(named | {"checks": tuple(named["checks"])}))


def _tasks(of: Results, notes: list[str]) -> None:
    """Table `asked`: task -> labels, median accuracy, median seconds; '' stands for all tasks together."""
    con = of.con
    counted = of.view("class_balance")
    skill, summary = of.view("annotator_skill"), of.view("annotator_summary")
    con.execute("CREATE OR REPLACE TEMP TABLE classes AS SELECT '' AS task, 2 AS classes WHERE false")
    if counted:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE classes AS SELECT task, count(DISTINCT label) AS classes FROM class_balance GROUP BY task"
        )
    parts = []
    if {"accuracy", "seconds_median"} <= skill:
        parts.append(
            "SELECT task, median(accuracy) AS accuracy, median(seconds_median) AS seconds FROM annotator_skill GROUP BY task"
        )
    if summary:
        parts.append(
            "SELECT task, median(coalesce(gold_agreement, agreement)) AS accuracy, median(median_seconds) AS seconds "
            "FROM annotator_summary GROUP BY task"
        )
    nobody = "SELECT '' AS task, CAST(NULL AS DOUBLE) AS accuracy, CAST(NULL AS DOUBLE) AS seconds WHERE false"
    con.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {parts[0] if parts else nobody}")
    con.execute("INSERT INTO asked SELECT '', median(accuracy), median(seconds) FROM asked")
    accuracy, seconds = con.execute("SELECT accuracy, seconds FROM asked WHERE task = ''").fetchall()[0]
    if accuracy is None:
        notes.append("how often a look sets a label right is not known (no annotator can be compared): taken as always")
    if seconds is None:
        notes.append("no times are known (map a column to seconds): ordered by gain, not by gain a minute")


def _units(of: Results, notes: list[str]) -> None:
    """Table `unit`: items that people voted on, with the consensus and ActiveLab's score."""
    con = of.con
    con.execute(
        "CREATE OR REPLACE TEMP TABLE unit "
        "(item_id VARCHAR, task VARCHAR, label VARCHAR, votes BIGINT, entropy DOUBLE, score DOUBLE)"
    )
    votes, consensus = of.view("item_vote"), of.view("consensus")
    said = disputed.add(of)
    notes += said
    if not votes and not consensus:
        if not said:
            notes.append("no votes are known: no item is ranked by its consensus")
        return
    if not votes:
        con.execute(
            "CREATE OR REPLACE TEMP VIEW item_vote AS "
            "SELECT NULL::VARCHAR AS item_id, NULL::VARCHAR AS task, NULL::VARCHAR AS top, NULL::DOUBLE AS top_share, "
            "NULL::BIGINT AS votes, NULL::DOUBLE AS entropy WHERE false"
        )
    told = _consensus(con, consensus)
    # What the consensus leaves out (labels of which several are true, single votes) goes by the share of the first answer.
    con.execute(
        "CREATE OR REPLACE TEMP VIEW agreed AS SELECT * FROM consented UNION ALL BY NAME SELECT item_id, task, top AS label, "
        "top_share AS probability, votes, 0 AS model FROM item_vote WHERE votes > 0 AND task IN (SELECT task FROM classes) "
        "AND (item_id, task) NOT IN (SELECT (item_id, task) FROM consented)"
    )
    if con.execute("SELECT count(*) FROM agreed").fetchall() != con.execute("SELECT count(*) FROM consented").fetchall():
        told.append("majority")
    if told:
        notes.append(f"consensus by {', '.join(told)}")
    score = _SCORE.format(quality="a.probability", weights="greatest(a.votes, 1)", model="a.model")
    con.execute(
        f"INSERT INTO unit SELECT a.item_id, a.task, a.label, a.votes, v.entropy, {score} FROM agreed AS a "
        "JOIN classes USING (task) LEFT JOIN item_vote AS v ON v.item_id = a.item_id AND v.task = a.task WHERE classes.classes > 1"
    )


def _consensus(con: Connection, has: frozenset[str]) -> list[str]:
    """View `consented`: the consensus, with a model's probabilities where they are; returns the methods of it."""
    if not has:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE consented (item_id VARCHAR, task VARCHAR, label VARCHAR, probability DOUBLE, "
            "votes BIGINT, model INTEGER)"
        )
        return []
    # With a model's probabilities where they are: the model is one more vote.
    both = {"crowdlab", "crowdlab_probability"} <= has
    model = "crowdlab_probability IS NOT NULL" if both else "false"
    label, probability = (
        f"coalesce(crowdlab{one}, {name})" if both else name for one, name in (("", "label"), ("_probability", "probability"))
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE consented AS SELECT item_id, task, {label} AS label, {probability} AS probability, votes, "
        f"CAST({model} AS INTEGER) AS model FROM consensus WHERE label IS NOT NULL AND probability IS NOT NULL "
        # Where there are several methods, a task's is that of the most items.
        "QUALIFY row_number() OVER (PARTITION BY item_id, task ORDER BY "
        "(SELECT count(*) FROM consensus AS c WHERE c.task = consensus.task AND c.method = consensus.method) DESC, method) = 1"
    )
    methods = con.execute("SELECT DISTINCT method FROM consensus WHERE label IS NOT NULL ORDER BY method").fetchall()
    models = con.execute("SELECT any_value(1) FROM consented WHERE model = 1").fetchall()[0][0]
    return [*(str(row[0]) for row in methods), *(["a model's probabilities"] if models else [])]


def _models(of: Results, notes: list[str]) -> None:
    """Table `judged`: annotations of items with a single vote that a model judges, with ActiveLab's score."""
    con = of.con
    con.execute(
        "CREATE OR REPLACE TEMP TABLE judged "
        "(item_id VARCHAR, annotation_id VARCHAR, task VARCHAR, label VARCHAR, suggested VARCHAR, score DOUBLE)"
    )
    if not of.view("label_quality"):
        notes.append("no model judges labels (give --predictions FILE)")
        return
    # Of several models or methods that judge one label the most doubtful counts.
    score = _SCORE.format(quality="q.score", weights="1", model=1)
    con.execute(
        f"""
        INSERT INTO judged
        SELECT item_id, annotation_id, task, label, CASE WHEN quality < 0.5 THEN suggested ELSE '' END, score
        FROM (
          SELECT q.item_id, q.annotation_id, q.task, q.label, coalesce(q.suggested, '') AS suggested, q.score AS quality,
                 {score} AS score,
                 row_number() OVER (PARTITION BY q.annotation_id ORDER BY q.score, q.suggested) AS nth
          FROM label_quality AS q JOIN classes USING (task) LEFT JOIN unit AS u ON u.item_id = q.item_id AND u.task = q.task
          WHERE q.score IS NOT NULL AND coalesce(u.votes, 0) <= 1 AND classes.classes > 1
        ) WHERE nth = 1
        """
    )
    # The one vote is what the model has judged.
    con.execute("DELETE FROM unit WHERE votes <= 1 AND (item_id, task) IN (SELECT (item_id, task) FROM judged)")


def _found(of: Results, notes: list[str]) -> None:
    """Table `found`: what findings that count are about, with how surely one of them is right."""
    con = of.con
    _sources(of)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found AS
        SELECT coalesce(item_id, '') AS item_id, coalesce(annotation_id, '') AS annotation_id,
               -- of an item as a whole: the question that its evidence names
               CASE WHEN annotation_id IS NULL THEN json_extract_string(evidence, '$.task') END AS task, any_value(label) AS label,
               max(coalesce(s.share, p.mean, {_EVEN})) AS wrong, count(*) AS findings, list_sort(list(DISTINCT check_id)) AS checks
        FROM counted LEFT JOIN said AS s USING (finding_id) LEFT JOIN precise AS p USING (check_id)
        WHERE (item_id IS NOT NULL OR annotation_id IS NOT NULL) AND coalesce(s.share, 1) > 0
        GROUP BY ALL
        """
    )
    aside = int(con.execute("SELECT count(*) FROM counted WHERE item_id IS NULL AND annotation_id IS NULL").fetchall()[0][0])
    judged = int(con.execute("SELECT count(*) FROM precise").fetchall()[0][0])
    found = int(con.execute("SELECT count(*) FROM found").fetchall()[0][0])
    if found and not judged:
        notes.append("nobody judged findings yet: of each it is taken as even that it is right (auditor review)")
    if aside:
        notes.append(
            f"{aside:,} {'finding is' if aside == 1 else 'findings are'} about no single item (a person, a label, the dataset)"
        )


def _sources(of: Results) -> None:
    """Tables `counted` (findings that count), `said` (finding -> share of people: a fault), `precise` (check -> mean)."""
    import pyarrow as pa

    con = of.con
    stand = {finding: one for finding, one in review.standings(of.reviews).items() if one.judged}
    known = review.precisions(of.reviews)
    gone = sorted(results.excused(of))
    waived = sorted(gate.waived_by(of.settings, of.as_of)[0])
    _put(con, "said", {"finding_id": pa.array(list(stand), pa.string()),
                       "share": pa.array([one.yes / one.judged for one in stand.values()], pa.float64())})  # fmt: skip
    _put(con, "precise", {"check_id": pa.array(list(known), pa.string()),
                          "mean": pa.array([one.mean for one in known.values()], pa.float64())})  # fmt: skip
    _put(con, "gone", {"finding_id": pa.array(gone, pa.string())})
    _put(con, "waived", {"check_id": pa.array(waived, pa.string())})
    con.execute(
        "CREATE OR REPLACE TEMP VIEW counted AS SELECT * FROM finding WHERE finding_id NOT IN (SELECT finding_id FROM gone) "
        "AND check_id NOT IN (SELECT check_id FROM waived)"
    )


def _put(con: Connection, name: str, columns: dict[str, Any]) -> None:
    import pyarrow as pa

    con.register("put_arrow", pa.table(columns))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM put_arrow")
    con.unregister("put_arrow")
