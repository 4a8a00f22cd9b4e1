"""The audit, end to end: read sources, open them under the policy, measure, check, decide, report.

    formats -> tables -> (policy's door) -> measures -> checks -> findings -> gate -> report

Everything is made in a private working folder; the finished files are moved to `out` together at the end, so a run that fails
leaves what was there before.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import check as checks_module
from auditor import content, finding, formats, gate, measure, outfolder, provenance, review, steps
from auditor import settings as settings_module
from auditor.audience import Audience, AudienceName
from auditor.engines import duckdb as engine
from auditor.errors import UsageError
from auditor.files import sha256_file, write_text
from auditor.outputs import csv as csv_output
from auditor.outputs import html as html_output
from auditor.outputs import json as json_output
from auditor.protection import policy
from auditor.run import Session
from auditor.settings import Settings
from auditor.stage import Source, Stage
from auditor.summary import Summary, gold_note, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa

    from auditor.check import Check
    from auditor.run import Result


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


# Said before the line of a policy file that shows a group's name.
_GROUPS = "to name the groups that findings call ~…, put this into a --policy file"


@dataclass(frozen=True)
class Request:
    """What to audit and how; the defaults are those of `auditor audit`."""

    sources: tuple[Source, ...]
    out: Path
    media: Path | None = None
    checks: Path | None = None
    only: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    policy: Path | None = None
    key_file: Path | None = None
    audience: AudienceName = "internal"
    as_of: dt.date = field(default_factory=_today)


@dataclass(frozen=True, repr=False)
class Audit:
    """A finished audit. In a notebook it shows itself as the HTML report.

    Attributes:
        out: folder with findings.parquet, findings.csv, measures/, verdict.json, timings.json and report.html.
        verdict: the gate's answer.
        summary: the figures of the first screen.
        checks: the checks that were asked, by id.
        notes: what the import guessed, what is used but not shown, which waivers ended.
    """

    out: Path
    verdict: gate.Verdict
    summary: Summary
    checks: Mapping[str, Check]
    notes: tuple[str, ...]

    @property
    def findings(self) -> pa.Table:
        """All findings as Arrow; `.to_pandas()` where pandas is installed. Columns: `auditor.finding.COLUMNS`."""
        import pyarrow.parquet as pq

        return pq.read_table(self.out / "findings.parquet")

    @property
    def measures(self) -> dict[str, pa.Table]:
        """Measure -> Arrow table."""
        import pyarrow.parquet as pq

        return {path.stem: pq.read_table(path) for path in sorted((self.out / "measures").glob("*.parquet"))}

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.out / "report.html"

    def __repr__(self) -> str:
        found = sum(self.summary.findings.values())
        ran = sum(one.outcome == "found" for one in self.verdict.decisions)
        return (
            f"<Audit {self.verdict.result}: {self.summary.items:,} items, {self.summary.annotations:,} annotations, "
            f"{found:,} findings of {ran} checks, in {str(self.out)!r}>"
        )

    def _repr_html_(self) -> str:
        """The report in a frame of its own, so that its style and its script stay its own."""
        import html

        page = html.escape(self.report.read_text(encoding="utf-8"), quote=True)
        return (
            '<iframe title="label audit" sandbox="allow-scripts allow-downloads" style="width:100%;height:80vh;border:0" '
            f'srcdoc="{page}"></iframe>'
        )


def audit(
    *sources: str | Path,
    mapping: Mapping[str, str] | None = None,
    gold: str | Path | None = None,
    predictions: str | Path | None = None,
    classes: str | Path | None = None,
    media: str | Path | None = None,
    format: str = "",  # noqa: A002  # the command line's word
    out: str | Path | None = None,
    checks: str | Path | None = None,
    config: str | Path | None = None,
    only: str | Iterable[str] = (),
    policy: str | Path | None = None,
    key_file: str | Path | None = None,
    audience: AudienceName = "internal",
    as_of: dt.date | None = None,
    link: str = "",
) -> Audit:
    r"""Audit label files and return findings, measures, verdict and report.

    Args:
        sources: files or folders of labels.
        mapping: canonical column -> column of the source, such as {"item_id": "question", "annotator.gender": "gender"}.
        gold: a table of true labels, for the first source.
        predictions: a model's probabilities for the first source, `.npy` or a table.
        classes: a file with one class name a line.
        media: the folder with the items' files.
        format: the format's name; "" detects it.
        out: where the files go; None keeps them in a temporary folder as long as the result lives.
        checks: a folder of your own checks.
        config: an auditor.toml.
        only: ids or families of the checks to ask; none asks all of them.
        policy: a fields.toml that says what else may be shown.
        key_file: the key of pseudonyms, which keeps them, and the ids of findings about them, from run to run.
        audience: who reads it: "public" holds no media, no label text and no ids.
        as_of: the date on which waivers must hold; None is today.
        link: where a finding opens, such as "https://labels.example/data?task={item_id}".

    Returns:
        The finished audit: `.verdict`, `.summary`, `.findings` and `.measures` (Arrow), `.report` (a path).

    Raises:
        AuditorError: a source cannot be read, or the settings ask for something that cannot be; it says where and what to do.

    >>> from pathlib import Path; import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "answer.csv").write_text("item_id,annotator_id,label\n1,a,cat\n1,b,dog\n2,a,cat\n2,b,cat\n")
    >>> result = audit(folder / "answer.csv")
    >>> result.verdict.result in {"passed", "failed"}, result.findings.num_rows >= 0
    (True, True)
    """
    keep = None
    if out is None:
        keep = Path(tempfile.mkdtemp(prefix="auditor-"))
        out = keep / "audit"
    given = tuple(
        Source(
            Path(source), format, dict(mapping or {}),
            gold=Path(gold) if gold and number == 0 else None,
            predictions=Path(predictions) if predictions and number == 0 else None,
            classes=Path(classes) if classes else None,
            media=Path(media) if media else None,
        )
        for number, source in enumerate(sources)
    )  # fmt: skip
    settings = settings_module.load(Path(config)) if config else Settings()
    request = Request(
        given,
        Path(out),
        media=Path(media) if media else None,
        checks=Path(checks) if checks else None,
        only=(only,) if isinstance(only, str) else tuple(only),
        settings=settings_module.with_link(settings, link) if link else settings,
        policy=Path(policy) if policy else None,
        key_file=Path(key_file) if key_file else None,
        audience=audience,
        as_of=as_of or _today(),
    )
    try:
        done = run(request)
    except BaseException:
        if keep:
            shutil.rmtree(keep, ignore_errors=True)
        raise
    if keep:
        weakref.finalize(done, shutil.rmtree, keep, ignore_errors=True)
    return done


def run(
    request: Request,
    progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
    found: Callable[[policy.Opened, Path, Mapping[str, Check]], None] = lambda _opened, _findings, _checks: None,
) -> Audit:
    """Run an audit as requested; see `audit`. `found` is called while the opened tables are there, with findings.parquet."""
    if not request.sources:
        raise UsageError("nothing to audit", "name a file or a folder of labels")
    binder = checks_module.Binder(measure.columns())
    checks = steps.choose_checks(binder, request.checks, request.only)
    settings_module.verify(request.settings, steps.known_checks(binder, request.checks))
    rules = policy.load(content.folder("policies") / "fields.toml", *([request.policy] if request.policy else []))
    key, stable = policy.read_key(request.key_file)
    baseline = steps.read_baseline(request.settings)
    # What people said of the findings of an earlier run into the same folder.
    said = review.read(request.out / review.FOLDER) if outfolder.is_audit(request.out) else []
    reads = _reads(request)
    # Beside `out`, so that finished files are renamed into place; private, since clear tables pass through it.
    with outfolder.working(request.out, reads) as work:
        started = time.perf_counter()
        tables, inputs = _import(request, work, progress)
        imported = time.perf_counter()
        (work / "open").mkdir()
        opened = policy.open_tables(tables, rules, key, stable=stable, work=work / "open")
        made = work / "out"
        session = Session(
            opened.tables, made / "measures", work, binder,
            memory=request.settings.memory, progress=progress, hidden=opened.hidden,
        )  # fmt: skip
        audience = Audience(request.audience, rules, key)
        con = engine.connect(work, request.settings.memory)
        try:
            finding.create(con)
            results = steps.ask_all(con, session, checks, request.settings, progress)
            lacks = {name: session.try_measure(name) for name in steps.SHOWN_MEASURES if name in binder.known}
            for name in () if request.only else steps.KEPT_MEASURES:
                session.try_measure(name)
            verdict = audience.verdict(
                steps.decide(
                    con,
                    steps.asked(checks, request.settings),
                    results,
                    steps.units(opened.tables.rows),
                    request.settings,
                    request.as_of,
                    baseline,
                    review.precisions(said),
                )
            )
            naming = {} if request.audience == "public" else policy.naming(finding.hidden_groups(con), opened.used)
            audience.redact(con, {one.id: one.header.title for one in checks})
            steps.write_findings(con, made / "findings.parquet")
            csv_output.write(con, made / "findings.csv")
            found(opened, made / "findings.parquet", {one.id: one for one in checks})
            summary = summarise(session, con, lacks)
            notes = tuple(filter(None, (
                *tables.notes, gold_note(summary, session, con), *opened.notes,
                *(f"{_GROUPS}: {line}" for line in naming.values()), *verdict.notes,
            )))  # fmt: skip
            summary = audience.summary(summary)
            by_id = {one.id: one for one in checks}
            write_text(
                made / "verdict.json",
                json_output.verdict(
                    verdict,
                    summary,
                    inputs if request.audience == "internal" else [],
                    request.as_of,
                    request.audience,
                    request.settings,
                    sha256_file(made / "findings.parquet"),
                ),
            )
            progress("writing the report", 0, None)
            shown = html_output.Page(
                verdict, summary, by_id, notes, session, con, audience, request.as_of, request.settings,
                tuple(source.path.name for source in request.sources), stable=opened.stable, naming=naming,
                standings=review.standings(said),
            )  # fmt: skip
            write_text(made / "report.html", html_output.render(shown))
        finally:
            con.close()
        if request.audience != "internal":
            shutil.rmtree(made / "measures", ignore_errors=True)
        write_text(made / "timings.json", _timings(started, imported, session, results))
        outfolder.deliver(made, request.out, reads)
    return Audit(request.out, verdict, summary, by_id, notes)


def _timings(started: float, imported: float, session: Session, results: Mapping[str, Result]) -> str:
    checks = {name: result.seconds for name, result in results.items()}
    total = time.perf_counter() - started
    return (
        json.dumps({"import": imported - started, "total": total, "measures": session.seconds, "checks": checks}, indent=2) + "\n"
    )


def _import(request: Request, work: Path, progress: Callable[[str, int, int | None], None]) -> tuple[Any, list[dict[str, Any]]]:
    con = engine.connect(work, request.settings.memory)
    try:
        stage = Stage(con, work)
        stage.progress = progress
        inputs = []
        for source in formats.fitting(request.sources):
            progress(f"reading {source.path.name}", 0, None)
            name = formats.read(source, stage)
            inputs.append(provenance.describe(source, name))
        (work / "tables").mkdir()
        return stage.finish(work / "tables", request.media), inputs
    finally:
        con.close()


def _reads(request: Request) -> list[Path]:
    """The files and folders that the audit reads."""
    beside = [path for source in request.sources for path in (source.gold, source.predictions, source.classes, source.media)]
    beside += [request.media, request.checks, request.policy, request.key_file]
    return [*(source.path for source in request.sources), *(path for path in beside if path is not None)]
