"""Which findings the page holds: the worst first, every check heard, and never more than a page can carry."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.check import SEVERITIES
from auditor.outputs.escape import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from duckdb import DuckDBPyConnection as Connection

MAX_FINDINGS = 5_000
# Of each check so many are kept before the rest is filled worst first: one loud check does not silence the others.
HEARD = 50
# So many are shown with picture, text or votes and their evidence: shared by the checks, within these bounds for each.
ALL_CARDS, MIN_CARDS, MAX_CARDS = 150, 4, 18
WORST = 5
# Characters of a value in a list, and on a card.
_CELL, _MESSAGE, _EVIDENCE = 60, 150, 300
# Longer ids are shown, cut, but nothing is looked up by them.
_MAX_ID = 1_000
_MAX_JSON = 20_000


@dataclass(frozen=True)
class Row:
    """A finding in a list: its texts are cut and safe to look at, not yet escaped for HTML."""

    finding_id: str
    item: str
    label: str
    annotator: str
    score: str
    message: str
    link: str


@dataclass(frozen=True)
class Card:
    """A finding shown with all that is known of it.

    Attributes:
        check_id: its check.
        item_id, annotation_id: whole, to look up what they name; None where the finding has none.
        row: what is shown.
        evidence: name -> value, as shown.
        named: every text in the evidence, whole: other items and annotations that the finding names.
        group: the attribute whose value the finding names by a pseudonym, or "".
    """

    check_id: str
    severity: str
    item_id: str | None
    annotation_id: str | None
    row: Row
    evidence: tuple[tuple[str, str], ...]
    named: tuple[str, ...]
    group: str = ""


def rows(con: Connection, limit: int = MAX_FINDINGS) -> dict[str, list[Row]]:
    """Check -> its findings, worst first; at most `limit` over all checks.

    Args:
        con: holds the table `finding_sorted`.
        limit: how many findings to keep over all checks.
    """
    found = con.execute(
        f"""
        SELECT check_id, finding_id, left(item_id, {_CELL + 1}), left(label, {_CELL + 1}), left(annotator_id, {_CELL + 1}), score,
               left(message, {_MESSAGE + 1}), CASE WHEN length(link) <= {_MAX_ID} THEN link END
        FROM (SELECT *, row_number() OVER (PARTITION BY check_id ORDER BY nth) > {HEARD} AS later FROM finding_sorted)
        QUALIFY row_number() OVER (ORDER BY later, nth) <= $limit
        ORDER BY nth
        """,
        {"limit": limit},
    ).fetchall()
    by_check: dict[str, list[Row]] = {}
    for check_id, *values in found:
        by_check.setdefault(check_id, []).append(_row(*values))
    return by_check


def cards(con: Connection) -> list[Card]:
    """The worst findings of each check, in the order of the findings; the fewer checks found something, the more of each."""
    loud = con.execute("SELECT count(DISTINCT check_id) FROM finding_sorted").fetchall()[0][0]
    each = max(MIN_CARDS, min(MAX_CARDS, ALL_CARDS // max(loud, 1)))
    found = con.execute(
        f"""
        SELECT check_id, severity, finding_id, item_id, annotation_id, left(label, {_MAX_ID}), left(annotator_id, {_MAX_ID}), score,
               left(message, {_MAX_ID}), CASE WHEN length(link) <= {_MAX_ID} THEN link END,
               CASE WHEN length(evidence) <= {_MAX_JSON} THEN evidence END
        FROM finding_sorted
        QUALIFY row_number() OVER (PARTITION BY check_id ORDER BY nth) <= $each
        ORDER BY nth
        """,
        {"each": each},
    ).fetchall()
    return [_card(*values) for values in found]


def worst(found: Iterable[Card], order: Sequence[str], blocking: frozenset[str]) -> list[Card]:
    """Five findings for the first screen: of each check its worst, then its second, checks that block first.

    Args:
        found: cards, worst first.
        order: ids of checks, the most urgent first.
        blocking: the checks that made the gate fail.
    """
    rank = {check_id: place for place, check_id in enumerate(order)}
    seen: dict[str, int] = {}
    ranked = []
    for nth, card in enumerate(found):
        turn = seen[card.check_id] = seen.get(card.check_id, -1) + 1
        severity = SEVERITIES.index(card.severity) if card.severity in SEVERITIES else len(SEVERITIES)
        ranked.append((severity, card.check_id not in blocking, turn, rank.get(card.check_id, len(rank)), nth, card))
    return [entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1])[:WORST]]


def by_family(con: Connection, titles: Mapping[str, str]) -> list[tuple[str, dict[str, int]]]:
    """Family -> severity -> findings, also for families without any."""
    counts = con.execute("SELECT check_id, severity, count(*) FROM finding_sorted GROUP BY ALL").fetchall()
    table: dict[str, dict[str, int]] = {check_id.split("/", 1)[0]: dict.fromkeys(SEVERITIES, 0) for check_id in titles}
    for check_id, severity, number in counts:
        table.setdefault(check_id.split("/", 1)[0], dict.fromkeys(SEVERITIES, 0))[severity] += number
    return sorted(table.items())


def number(value: Any) -> str:
    """A number as people read it: whole, or with up to four digits that matter.

    >>> [number(value) for value in (3, 12345, 0.123456, 2.0, 1e-9, float("nan"))]
    ['3', '12,345', '0.1235', '2', '1e-09', 'not a number']
    """
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "not a number"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def seen(value: str | None, width: int) -> str:
    r"""A text as it may be shown: cut, and with every sign that cannot be seen written out, spaces at its ends too.

    >>> seen("a\u202eb", 20), seen("cat ", 20), seen(None, 20)
    ('a\\u202eb', 'cat␣', '')
    """
    if value is None:
        return ""
    inner = value.strip(" ")
    before = len(value) - len(value.lstrip(" "))
    behind = len(value) - len(inner) - before if inner else 0
    return shorten(visible("␣" * before + inner + "␣" * behind), width)


def _row(
    finding_id: str,
    item: str | None,
    label: str | None,
    annotator: str | None,
    score: float | None,
    message: str | None,
    link: str | None,
    message_width: int = _MESSAGE,
) -> Row:
    return Row(
        finding_id,
        seen(item, _CELL),
        seen(label, _CELL),
        seen(annotator, _CELL),
        "" if score is None or not math.isfinite(score) else f"{score:.2f}",
        seen(message, message_width),
        web_link(link),
    )


def web_link(link: str | None) -> str:
    """The link if it is one to the web, else "": a template could be anything.

    >>> web_link("https://labels.example/1"), web_link("javascript:alert(1)")
    ('https://labels.example/1', '')
    """
    return link if link is not None and link.startswith(("https://", "http://")) and visible(link) == link else ""


def _card(
    check_id: str,
    severity: str,
    finding_id: str,
    item_id: str | None,
    annotation_id: str | None,
    label: str | None,
    annotator: str | None,
    score: float | None,
    message: str | None,
    link: str | None,
    evidence: str | None,
) -> Card:
    row = _row(finding_id, item_id and item_id[: _CELL + 1], label, annotator, score, message, link, _EVIDENCE)
    try:
        values = json.loads(evidence) if evidence else {}
    except ValueError:
        values = {}
    pairs = values.items() if isinstance(values, dict) else ()
    shown = tuple((seen(str(name), _CELL), _evidence(value)) for name, value in pairs if value not in (None, "", [], {}))
    named = tuple(_texts(values))[:20]
    return Card(check_id, severity, _whole(item_id), _whole(annotation_id), row, shown, named, _group(values))


def _group(evidence: Any) -> str:
    """The `key` of evidence whose `value` is a pseudonym, as `finding.hidden_groups` finds them."""
    if not isinstance(evidence, dict) or not str(evidence.get("value", "")).startswith("~"):
        return ""
    return str(evidence.get("key") or "")


def _whole(identity: str | None) -> str | None:
    return identity if identity is not None and len(identity) <= _MAX_ID else None


def _evidence(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, list) and not any(isinstance(entry, (list, dict)) for entry in value):
        return shorten(", ".join(_evidence(entry) for entry in value[:40]), _EVIDENCE)
    return seen(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _EVIDENCE)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) <= _MAX_ID else []
    if isinstance(value, dict):
        value = list(value.values())
    return [text for entry in value[:100] for text in _texts(entry)] if isinstance(value, list) else []
