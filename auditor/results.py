"""The results of an audit, opened again: findings, what the gate thought of them, what people said, and the measures beside them.

They come from an audit's folder (findings and measures alone), from a workspace, or from sources that are audited for it in a
temporary folder; the last two have the opened tables too, so that items can be shown and further measures be computed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import api, gate, judging, measure, opening, outfolder, pipeline, review, steps, workspace
from auditor import check as checks_module
from auditor import settings as settings_module
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError, UsageError
from auditor.run import Result, Session
from auditor.tables import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from duckdb import DuckDBPyConnection as Connection

    from auditor.protection.policy import Opened
    from auditor.review import Review
    from auditor.stage import Tables


@dataclass(frozen=True)
class Results:
    """Findings with all that belongs to them.

    Attributes:
        con: a connection with the table `finding`.
        asked, outcomes, units, settings, baseline, as_of: what the gate decides on.
        audience: internal | public.
        reviews: what people said of findings.
        session: the opened tables; None where there are only findings and measures.
        kept: measures beside findings without tables.
        space: the workspace, if it is one.
        name: what it is called.
    """

    con: Connection
    asked: tuple[gate.Asked, ...]
    outcomes: Mapping[str, Result]
    units: Mapping[str, int]
    settings: settings_module.Settings
    baseline: frozenset[str]
    as_of: dt.date
    audience: str
    reviews: tuple[Review, ...]
    session: Session | None = None
    kept: Mapping[str, Path] = field(default_factory=dict)
    space: workspace.Workspace | None = None
    name: str = ""

    def measure(self, name: str) -> Path | None:
        """A measure's Parquet file; computed if it can be, None where it cannot or where this version has no such measure."""
        if self.session is None:
            return self.kept.get(name)
        if name not in measure.names() or self.session.try_measure(name) is not None:
            return None
        return self.session.measures[name]

    def view(self, name: str) -> frozenset[str]:
        """Make the measure a view of `con` under its own name; its columns, none where it lacks."""
        path = self.measure(name)
        if path is None:
            return frozenset()
        self.con.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM read_parquet([{literal(str(path))}])')
        return frozenset(str(row[0]) for row in self.con.execute(f'DESCRIBE "{name}"').fetchall())

    def table(self, name: str) -> bool:
        """Make an opened table a view of `con` called `the_NAME`; False where there are no tables."""
        if self.session is None:
            return False
        path = self.session.tables.paths[name]
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW the_{name} AS SELECT * FROM read_parquet([{literal(str(path))}])")
        return True

    @property
    def media(self) -> Path | None:
        """Where items' files are, if the policy lets them be shown."""
        if self.session is None or self.audience != "internal" or "item.uri" in self.session.hidden:
            return None
        return self.session.tables.media

    def decide(self, outcomes: Mapping[str, Result], ids: Mapping[str, list[str]]) -> gate.Verdict:
        """The gate's answer for findings, under the settings, the waivers and the baseline of these results."""
        precision = review.precisions(self.reviews)
        return gate.decide(self.asked, outcomes, ids, self.units, self.settings, self.as_of, self.baseline, precision)


@contextlib.contextmanager
def opened(request: api.Request | None, audit: Path | None, progress: Callable[[str, int, int | None], None]) -> Iterator[Results]:
    """Open results: of sources that are audited now, of an audit's folder, else of the workspace, else of ./audit.

    Raises:
        UsageError: there are none.
        AuditorError: the findings are of another state than the workspace's.
    """
    with tempfile.TemporaryDirectory(prefix="auditor-") as work:
        if request is not None:
            with _of_request(request, Path(work), progress) as made:
                yield made
            return
        where = judging.place(audit)
        if outfolder.is_audit(where.findings.parent):
            with _of_folder(where.findings.parent, Path(work)) as made:
                yield made
            return
        with _of_workspace(workspace.find(), progress) as made:
            yield made


@contextlib.contextmanager
def _connected(findings: Path, work: Path, memory: str) -> Iterator[Connection]:
    con = engine.connect(work, memory)
    try:
        con.execute(f"CREATE VIEW finding AS SELECT * FROM read_parquet([{literal(str(findings))}])")
        yield con
    finally:
        con.close()


@contextlib.contextmanager
def _of_folder(folder: Path, work: Path, session: Session | None = None) -> Iterator[Results]:
    body = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    settings = settings_module.Settings.model_validate(body.get("settings", {}))
    asked, outcomes, units = [], {}, {"dataset": 1}
    for one in body["checks"]:
        asked.append(gate.Asked(*(one[entry.name] for entry in dataclasses.fields(gate.Asked))))
        outcomes[one["check_id"]] = Result(one["check_id"], one["outcome"], one["findings"], one["reason"], one["supply"])
        units[one["unit"]] = one["units"]
    kept = {path.stem: path for path in sorted((folder / "measures").glob("*.parquet"))}
    with _connected(folder / "findings.parquet", work, settings.memory) as con:
        yield Results(
            con, tuple(asked), outcomes, units, settings, steps.read_baseline(settings), dt.date.fromisoformat(body["as_of"]),
            body["audience"], tuple(review.read(folder / review.FOLDER)), session, kept, None, folder.resolve().name,
        )  # fmt: skip


@contextlib.contextmanager
def _of_request(request: api.Request, work: Path, progress: Callable[[str, int, int | None], None]) -> Iterator[Results]:
    out = work / "audit"
    held: list[tuple[Tables, Mapping[str, str]]] = []

    def hold(seen: Opened, _findings: Path, _checks: Mapping[str, Any]) -> None:
        folder = work / "tables"
        folder.mkdir()
        paths = {name: _held(path, folder / f"{name}.parquet") for name, path in seen.tables.paths.items()}
        media = None if seen.tables.media is None else _held(seen.tables.media, folder / "media.parquet")
        held.append((dataclasses.replace(seen.tables, paths=paths, media=media), seen.hidden))

    api.run(dataclasses.replace(request, out=out), progress, hold)
    tables, hidden = held[0]
    binder = checks_module.Binder(measure.columns())
    session = Session(
        tables, work / "measures", work, binder, memory=request.settings.memory, progress=progress, hidden=hidden,
    )  # fmt: skip
    for path in sorted((out / "measures").glob("*.parquet")):
        session.adopt(path.stem, path)
    with _of_folder(out, work, session) as made:
        yield dataclasses.replace(made, name=request.sources[0].path.resolve().stem)


def _held(path: Path, target: Path) -> Path:
    """The file under another name: what it was called goes away with the run that made it."""
    try:
        os.link(path.resolve(), target)
    except OSError:
        shutil.copyfile(path, target)
    return target


@contextlib.contextmanager
def _of_workspace(space: workspace.Workspace, progress: Callable[[str, int, int | None], None]) -> Iterator[Results]:
    found = pipeline.read_found(space.findings)
    with space.writing("reading results") as work, opening.opened(space, work, progress) as at:
        pipeline.verify_fresh(found, at)
        with _connected(space.findings / "findings.parquet", work, at.settings.memory) as con:
            yield Results(
                con, tuple(pipeline.asked(space, found)), found.results, found.body["units"], at.settings,
                steps.read_baseline(at.settings, space.root), dt.datetime.now(dt.UTC).date(), "internal",
                tuple(review.read(space.reviews)), at.session, {}, space, space.root.name,
            )  # fmt: skip


def excused(results: Results) -> frozenset[str]:
    """Findings that do not count: waived one by one, or known from the baseline."""
    return results.baseline | gate.waived_by(results.settings, results.as_of)[1]


def demand_tables(results: Results, what: str) -> None:
    """Raise UsageError where there are findings and measures only."""
    if results.session is None:
        raise UsageError(
            f"{what} needs the tables, which an audit's folder does not hold", "give the sources, or go into a workspace"
        )


def failing(verdict: gate.Verdict) -> list[gate.Decision]:
    """The checks that make a verdict fail.

    Raises:
        AuditorError: it is incomplete: no label that is set right makes it complete.
    """
    if verdict.result == "incomplete":
        raise AuditorError(
            f"the gate's answer is incomplete: {'; '.join(verdict.reasons[:3])}",
            "supply what is missing: no relabelling mends that",
        )
    return [one for one in verdict.decisions if one.status == "failed"]
