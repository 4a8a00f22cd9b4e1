"""Asks the built-in checks of a source, without report or gate: the rows that each of them returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor import check, content, formats, measure
from auditor.engines import duckdb as engine
from auditor.run import Session, run_check
from auditor.stage import Source, Stage, Tables

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """What the checks said of one source."""

    session: Session
    outcome: dict[str, str]
    reason: dict[str, str]
    rows: dict[str, list[dict[str, Any]]]
    severity: dict[str, str]

    def found(self, severity: str) -> dict[str, int]:
        """Check -> number of findings, of those that found something."""
        return {name: len(rows) for name, rows in self.rows.items() if rows and self.severity[name] == severity}


def ask(source: Source, work: Path, only: tuple[str, ...] = ("consistency/", "outlier/")) -> Asked:
    """Import a source and ask every built-in check whose id begins with one of `only`."""
    con = engine.connect(work)
    try:
        stage = Stage(con, work)
        formats.read(source, stage)
        tables = stage.finish(work / "tables", source.media)
    finally:
        con.close()
    return ask_tables(tables, work, only)


def ask_tables(tables: Tables, work: Path, only: tuple[str, ...], params: dict[str, dict[str, Any]] | None = None) -> Asked:
    """Ask every built-in check whose id begins with one of `only` of tables that are there; `params` replaces defaults by check."""
    binder = check.Binder(measure.columns())
    checks = [one for one in check.load_folder(content.folder("checks"), binder, builtin=True) if one.id.startswith(only)]
    session = Session(tables, work / "measures", work, binder)
    outcome, reason, rows = {}, {}, {}
    for one in checks:
        kept: list[dict[str, Any]] = []

        def keep(reader: Any, kept: list[dict[str, Any]] = kept) -> int:
            kept.extend(reader.read_all().to_pylist())
            return len(kept)

        values = {name: param.value for name, param in one.header.params.items()} | (params or {}).get(one.id, {})
        result = run_check(session, one, values, keep)
        outcome[one.id], reason[one.id], rows[one.id] = result.outcome, result.reason, kept
    return Asked(session, outcome, reason, rows, {one.id: one.header.severity for one in checks})
