"""report.html: one self-contained page, made from templates in `reports/`.

`render` gathers what the page shows (bounded: never more findings, pictures or labels than a page can carry), renders the body,
and then fits the pictures into what is left of the page's size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.settings import Settings

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection as Connection

    from auditor.audience import Audience
    from auditor.check import Check
    from auditor.gate import Decision, Verdict
    from auditor.review import Standing
    from auditor.run import Session
    from auditor.summary import Summary

# The page stays under 2 MB; lists of findings may take this much of it, where the shapes over its pictures take no more than that.
MAX_BYTES, MAX_LIST_BYTES, DRAWN_BYTES = 1_950_000, 1_250_000, 150_000

# Measures whose absence the page explains.
_EXPLAINED = ("class_balance", "agreement", "confusion", "consensus", "annotator_summary")


@dataclass(frozen=True)
class Page:
    """What the report is made from.

    Attributes:
        verdict: the gate's answer, with a decision for each check.
        summary: headline figures, redacted for the audience.
        checks: id -> check.
        notes: sentences about the import and the policy.
        session: opened tables and measures (`session.files`), located media (`session.tables.media`).
        con: holds the table `finding_sorted` (already redacted for the audience), in order `nth`.
        audience: what may be shown to the readers.
        as_of: the date of the verdict.
        settings: what the workspace changed about checks.
        inputs: names of the sources' files or folders.
        stable: findings have the same ids in the next run.
        naming: attribute -> the policy's line that shows its values, where a finding shows a pseudonym of one.
        standings: finding -> what people said of it.
    """

    verdict: Verdict
    summary: Summary
    checks: Mapping[str, Check]
    notes: tuple[str, ...]
    session: Session
    con: Connection
    audience: Audience
    as_of: dt.date
    settings: Settings = field(default_factory=Settings)
    inputs: tuple[str, ...] = ()
    stable: bool = True
    naming: Mapping[str, str] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One check's section of the report.

    Attributes:
        check: what it asks.
        decision: what became of it.
        cards: its worst findings, with pictures.
        rows: its findings, worst first.
        more: findings that the page does not hold.
        has: which columns any of its rows fills.
        sql: the query, without its header; "" where it may not be shown.
        params: (name, value, help).
        reason: why it did not run or does not pass, fit for the audience.
    """

    check: Check
    decision: Decision
    cards: tuple[Any, ...]
    rows: tuple[Any, ...]
    more: int
    has: frozenset[str]
    sql: str
    params: tuple[tuple[str, str, str], ...]
    reason: str


def render(page: Page) -> str:
    """The whole page as HTML text; the same input gives the same text."""
    from auditor.outputs import order
    from auditor.outputs.html import cards, figures, findings, overview, template, thumbnails

    decisions = order.ordered(page.verdict.decisions)
    blocking = frozenset(one.check_id for one in decisions if one.status in {"failed", "incomplete"})
    found = findings.cards(page.con)
    first = findings.worst(found, [one.check_id for one in decisions], blocking)
    material = cards.gather(page, found, first)
    # Outlines of many shapes take room from the lists, so that the page keeps its size.
    rows, linked = _fitting(page, max(MAX_LIST_BYTES - max(material.drawn - DRAWN_BYTES, 0), MAX_LIST_BYTES // 4))
    parts = [_part(page, one, material.cards, rows.get(one.check_id, [])) for one in decisions]
    supplied, other = overview.gaps(decisions)
    total = sum(page.summary.findings.values())
    style, script = template.asset("style.css"), template.asset("script.js")
    body = template.render(
        "body.html",
        page=page,
        public=page.audience.name == "public",
        standings={} if page.audience.name == "public" else page.standings,
        decisions=decisions,
        blocking=[one for one in decisions if one.check_id in blocking],
        counts={"ran": sum(one.outcome == "found" for one in decisions), "all": len(decisions)},
        parts=parts,
        first=[material.cards[card.row.finding_id] for card in first],
        supplied=supplied,
        other=other,
        steps=overview.steps(page, decisions, supplied),
        families=findings.by_family(page.con, {name: check.header.title for name, check in page.checks.items()}),
        balance=figures.balance(page),
        agreement=figures.agreement(page),
        confusion=figures.confusion(page, "annotators"),
        gold_confusion=figures.confusion(page, "gold"),
        people=figures.people(page),
        truth=figures.truth(page),
        total=total,
        columns={"severity", "check", "message", *(name for part in parts for name in part.has)},
        embedded=sum(map(len, rows.values())),
        linked=linked,
        max_pictures=thumbnails.MAX_ITEMS,
        pictures=len(material.pictures),
        top=_top(page),
        slip=_slip(page),
        warned=len(order.warned(page.verdict.decisions)),
        would_block=order.would_block(page.verdict.decisions),
        why_not={name: figures.why_not(page, name) for name in _EXPLAINED},
        reasons={part.check.id: part.reason for part in parts},
        names="" if page.audience.name == "public" else findings.seen(", ".join(page.inputs[:3]), 90),
        version=_version(),
    )
    room = MAX_BYTES - len(body.encode()) - len(style) - len(script) - 300 * len(material.pictures) - 5_000
    return template.render(
        "report.html",
        result=page.verdict.result,
        body=_markup(body),
        style=_markup(style),
        script=_markup(script),
        style_digest=template.digest(style),
        script_digest=template.digest(script),
        pictures=thumbnails.encode(material.pictures, max(room, 0)),
    )


def _fitting(page: Page, most: int) -> tuple[dict[str, list[Any]], bool]:
    """Findings for the lists, and whether their links fit too."""
    import dataclasses

    from auditor.outputs.html import findings

    rows = findings.rows(page.con)
    plain = sum(_size(row) for listed in rows.values() for row in listed)
    links = sum(len(row.link) + 32 for listed in rows.values() for row in listed)
    linked = plain + links <= most
    if not linked:
        rows = {name: [dataclasses.replace(row, link="") for row in listed] for name, listed in rows.items()}
    while plain > most:
        # Long or many-byte texts: fewer findings rather than a page that is too large.
        rows = findings.rows(page.con, sum(map(len, rows.values())) * 4 // 5)
        rows = {name: [dataclasses.replace(row, link="") for row in listed] for name, listed in rows.items()}
        plain = sum(_size(row) for listed in rows.values() for row in listed)
    return rows, linked


def _size(row: Any) -> int:
    import html

    texts = (row.item, row.label, row.annotator, row.message)
    return 75 + sum(len(html.escape(text).encode("utf-8", "replace")) for text in texts)


def _part(page: Page, decision: Decision, shown: Mapping[str, Any], rows: list[Any]) -> Part:
    check = page.checks[decision.check_id]
    public = page.audience.name == "public"
    has = frozenset(name for name in ("item", "label", "annotator", "score") if any(getattr(row, name) for row in rows))
    marker = "-- ///\n"
    sql = check.sql.partition(marker)[2].strip() if check.sql.startswith("-- /// check") else check.sql
    changed = page.settings.override(check.id).params
    params = []
    for name, param in check.header.params.items():
        value = changed.get(name, param.value)
        secret = public and name in changed
        params.append((name, "changed in auditor.toml" if secret else str(value), param.help))
    reason = decision.reason
    if public and decision.outcome == "failed":
        reason = "failed with an error"  # its text may quote the data
    return Part(
        check,
        decision,
        tuple(one for one in shown.values() if one.card.check_id == check.id),
        tuple(rows),
        decision.findings - len(rows),
        has,
        "" if public and not check.builtin else sql,
        tuple(params),
        reason,
    )


def _top(page: Page) -> dict[str, Any] | None:
    """The pair of labels that annotators confuse most, or None."""
    from auditor.outputs.html.findings import seen

    if not page.summary.confusion:
        return None
    top = page.summary.confusion[0]
    a, b = (seen(label, 40) for label in (top.label_a, top.label_b))
    return {"a": a, "b": b, "pairs": top.pairs, "share": top.share, "ways": top.ways, "task": seen(top.task, 60)}


def _slip(page: Page) -> dict[str, Any] | None:
    """The label that people give most often where gold has another, or None."""
    from auditor.outputs.html.findings import seen

    if not page.summary.slips:
        return None
    top = page.summary.slips[0]
    return {
        "given": seen(top.given, 40),
        "gold": seen(top.gold, 40),
        "votes": top.votes,
        "share": top.share,
        "task": seen(top.task, 60),
    }


def _version() -> str:
    import auditor

    return auditor.__version__


def _markup(text: str) -> Any:
    """Text that is HTML already: rendered by our own templates, or our own style and script."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # never data: only what `template` returned
