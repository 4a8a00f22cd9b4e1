"""report.html: one self-contained page, made from templates in `reports/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from auditor.audience import Audience
    from auditor.check import Check
    from auditor.engines.duckdb import Connection
    from auditor.gate import Verdict
    from auditor.run import Session
    from auditor.summary import Summary


@dataclass(frozen=True)
class Page:
    """What the report is made from.

    Attributes:
        verdict: the gate's answer, with a decision for each check.
        summary: headline figures.
        checks: id -> check.
        notes: sentences about the import and the policy.
        session: opened tables and measures (`session.files`), located media (`session.tables.media`).
        con: holds the table `finding_sorted` (already redacted for the audience), in order `nth`.
        audience: what may be shown to the readers.
        as_of: the date of the verdict.
    """

    verdict: Verdict
    summary: Summary
    checks: Mapping[str, Check]
    notes: tuple[str, ...]
    session: Session
    con: Connection
    audience: Audience
    as_of: dt.date


def render(page: Page) -> str:
    """The whole page as HTML text."""
    import html

    return f"<!doctype html><title>audit</title><p>{html.escape(page.verdict.result)}"
