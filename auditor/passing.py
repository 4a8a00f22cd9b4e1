"""`auditor queue --until-pass`: the fewest items that must be set right so that the gate passes, which is asked again without them.

An item that is set right loses every finding about it. What checks find in the labels of then is another question.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from auditor import queue, repair, results
from auditor.errors import AuditorError
from auditor.queue import Queue, Row

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditor.gate import Verdict
    from auditor.results import Results

    Ints = npt.NDArray[np.int64]
    Thing = tuple[str, str]

_ASSUMED = (
    "the gate was asked again without the findings about them, and passes; relabelling may bring up others: audit again afterwards"
)
# An item, or an annotation whose item no finding names.
_THING = "coalesce(item_id, '') AS item_id, CASE WHEN item_id IS NULL THEN annotation_id ELSE '' END AS annotation_id"


def until_pass(of: Results) -> Queue:
    """The fewest items that must be set right so that the gate passes.

    Raises:
        AuditorError: the verdict is incomplete, or fails for findings that are about no item.
    """
    failing = results.failing(_decide(of, []))
    if not failing:
        return Queue((), 0, ("the gate passes already",))
    queue.rank(of, 0)
    checks = [one.check_id for one in failing]
    need = np.array([one.counted - one.accepted for one in failing])
    things, counts = _things(of, checks)
    cover = repair.fewest(counts, need)
    if cover is None:
        short = [name for name, had, wanted in zip(checks, counts.sum(axis=0), need, strict=True) if had < wanted]
        raise AuditorError(
            f"relabelling items does not make the gate pass: too many findings of {', '.join(short)} are about no item",
            "they are about a person, a label or the whole dataset: auditor explain CHECK says how to fix them",
        )
    chosen = [things[nth] for nth in cover.chosen]
    again = _decide(of, chosen)
    if again.result != "passed":
        raise AuditorError(f"the gate does not pass without them: {'; '.join(again.reasons[:3])}", "report this: it should")
    rows = _rows(of, chosen, counts[cover.chosen], checks)
    return Queue(rows, len(rows), (_told(cover, len(checks), int(counts[cover.chosen].sum()), int(need.sum())), _ASSUMED))


def _decide(of: Results, repaired: list[Thing]) -> Verdict:
    """The gate's answer without the findings about some things."""
    rows = of.con.execute(
        # Ids are needed only where some findings are waived or known.
        "SELECT check_id, count(*), CASE WHEN $each THEN list(finding_id) ELSE [] END FROM finding WHERE NOT ("
        "coalesce(item_id IN (SELECT unnest($items)), false) "
        "OR (item_id IS NULL AND coalesce(annotation_id IN (SELECT unnest($annotations)), false))) GROUP BY check_id",
        {
            "each": bool(of.settings.waiver or of.baseline),
            "items": [item for item, annotation in repaired if not annotation],
            "annotations": [annotation for _, annotation in repaired if annotation],
        },
    ).fetchall()
    left = {check: number for check, number, _ in rows}
    outcomes = {
        name: dataclasses.replace(one, findings=left.get(name, 0)) if one.outcome == "found" else one
        for name, one in of.outcomes.items()
    }
    return of.decide(outcomes, {check: ids for check, _, ids in rows})


def _things(of: Results, checks: list[str]) -> tuple[list[Thing], Ints]:
    """What findings of the failing checks are about, the most expected gain a minute first; counts of shape (things, checks)."""
    found = of.con.execute(
        f"SELECT {_THING}, check_id, count(*) FROM counted WHERE (item_id IS NOT NULL OR annotation_id IS NOT NULL) "
        "AND check_id IN (SELECT unnest($checks)) GROUP BY ALL ORDER BY ALL",
        {"checks": checks},
    ).fetchall()
    gains = {
        (item, annotation): gain
        for item, annotation, gain in of.con.execute(
            "SELECT item_id, CASE WHEN item_id = '' THEN annotation_id ELSE '' END, max(coalesce(gain * 60 / seconds, gain)) "
            "FROM look WHERE findings > 0 GROUP BY ALL"
        ).fetchall()
    }
    things = sorted(
        {(item, annotation) for item, annotation, _, _ in found}, key=lambda one: (-round(gains.get(one, 0.0), 12), one)
    )
    place = {one: nth for nth, one in enumerate(things)}
    column = {name: nth for nth, name in enumerate(checks)}
    counts = np.zeros((len(things), len(checks)), np.int64)
    for item, annotation, check, number in found:
        counts[place[item, annotation], column[check]] = number
    return things, counts


def _told(cover: repair.Cover, checks: int, gone: int, need: int) -> str:
    size = len(cover.chosen)
    how = (
        "no smaller set does it"
        if cover.exact
        else f"at least {cover.least:,} are needed (chosen greedily: at most {cover.bound:.2f} times the fewest)"
    )
    return (
        f"{size:,} {'item' if size == 1 else 'items'} with {gone:,} {'finding' if gone == 1 else 'findings'} of {checks} failing "
        f"{'check' if checks == 1 else 'checks'}, {need:,} of which must go: {how}"
    )


def _rows(of: Results, chosen: list[Thing], counts: Ints, checks: list[str]) -> tuple[Row, ...]:
    """The chosen things as looks: all that was found about one is looked at together."""
    known = {
        (item, annotation): rest
        for item, annotation, *rest in of.con.execute(
            "WITH chosen AS (SELECT unnest($items) AS item_id, unnest($annotations) AS annotation_id) "
            "SELECT c.item_id, c.annotation_id, max(l.task), max(l.wrong), sum(l.gain), sum(l.seconds) FROM chosen AS c "
            "JOIN look AS l ON l.item_id = c.item_id AND (c.annotation_id = '' OR l.annotation_id = c.annotation_id) "
            "WHERE l.findings > 0 GROUP BY ALL",
            {"items": [one[0] for one in chosen], "annotations": [one[1] for one in chosen]},
        ).fetchall()
    }
    rows = []
    for (item, annotation), row in zip(chosen, counts, strict=True):
        # What people called no fault is no look of the queue; the gate counts it all the same.
        task, wrong, gain, seconds = known.get((item, annotation), ("", 0.0, 0.0, None))
        rows.append(
            Row(
                item, annotation, task or "", "", "", wrong, gain, seconds, gain * 60 / seconds if seconds else None, None, None,
                "gate", int(row.sum()), tuple(name for name, number in zip(checks, row, strict=True) if number),
            )
        )  # fmt: skip
    return tuple(rows)
