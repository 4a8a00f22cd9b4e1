"""What a workspace does after an import: measure, check, gate, report. Each reads what stands to its left and writes one thing.

    tables/ -> measures/ -> findings/ -> verdict.json, report/

Everything here runs without an identity. `measure`, `check` and `report` are the stages of dvc.yaml; `gate` is none, since
waivers end with time.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import auditor
from auditor import finding, freshness, gate, journal, release, review, steps, suite, unmet
from auditor.audience import Audience
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError
from auditor.files import sha256_file, write_text
from auditor.opening import made_from, opened, suites, wanted_measures
from auditor.outputs import csv as csv_output
from auditor.outputs import html as html_output
from auditor.outputs import json as json_output
from auditor.protection import policy
from auditor.run import Result
from auditor.summary import Summary, gold_note, restore, summarise
from auditor.tables import literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

    from auditor.check import Check
    from auditor.opening import Opened
    from auditor.workspace import Workspace

RESULTS = "label-auditor/results/1"


@dataclass(frozen=True)
class Measured:
    """What `measure` did.

    Attributes:
        fresh: measures that were still good.
        computed: measures computed now.
        lacking: measure -> why it cannot be computed.
    """

    fresh: tuple[str, ...]
    computed: tuple[str, ...]
    lacking: Mapping[str, str]


def run_measures(space: Workspace, progress: Callable[[str, int, int | None], None]) -> Measured:
    """Compute the measures that the checks and the report read; those that are fresh are left as they are."""
    with space.writing("measure") as work, opened(space, work, progress) as at:
        before = set(at.session.measures)
        lacking = {}
        for name in wanted_measures(at):
            lack = at.session.try_measure(name)
            if lack is not None:
                lacking[name] = lack.reason
        made = work / "made"
        made.mkdir()
        kept = {name: path for name, path in at.session.measures.items() if name in wanted_measures(at)}
        for name, path in kept.items():
            # A hard link where possible: what stands in measures/ is never written to, only replaced.
            _link(path, made / f"{name}.parquet")
        keys = {name: freshness.measure_inputs(at.session, at.stored, name, at.digests) for name in sorted(kept)}
        write_text(made / "keys.json", json.dumps(keys, indent=1, sort_keys=True) + "\n")
        space.verify_ours(space.measures)
        journal.commit(space.root, {made: space.measures})
        return Measured(tuple(sorted(before & kept.keys())), tuple(sorted(kept.keys() - before)), lacking)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


@dataclass(frozen=True)
class Checked:
    """What `check` found.

    Attributes:
        results: check -> what became of it.
        summary: headline figures.
        folder: where findings.parquet, findings.csv and results.json are.
        notes: sentences about the import and the policy.
    """

    results: Mapping[str, Result]
    summary: Summary
    folder: Path
    notes: tuple[str, ...] = ()


def run_checks(space: Workspace, progress: Callable[[str, int, int | None], None]) -> Checked:
    """Ask the checks and write findings/; findings do not make it fail."""
    with space.writing("check") as work, opened(space, work, progress) as at:
        made = work / "made"
        made.mkdir()
        results, summary = ask(at, made, progress)
        space.verify_ours(space.findings)
        journal.commit(space.root, {made: space.findings})
        return Checked(results, summary, space.findings, at.notes)


def ask(at: Opened, folder: Path, progress: Callable[[str, int, int | None], None]) -> tuple[dict[str, Result], Summary]:
    """Ask the checks and write findings.parquet, findings.csv and results.json into `folder`."""
    audience = Audience("internal", at.space.policy(), b"")
    con = engine.connect(at.session.work, at.settings.memory)
    try:
        finding.create(con)
        results = steps.ask_all(con, at.session, at.checks, at.settings, progress)
        promised, kept = _contracts(at, con, progress)
        results |= kept
        lacks = {name: at.session.try_measure(name) for name in steps.SHOWN_MEASURES}
        for name in steps.KEPT_MEASURES:
            at.session.try_measure(name)
        asked = [*at.checks, *promised.values()]
        audience.redact(con, {one.id: one.header.title for one in asked})
        steps.write_findings(con, folder / "findings.parquet")
        csv_output.write(con, folder / "findings.csv")
        summary = summarise(at.session, con, lacks)
        notes = [*at.notes, *filter(None, [gold_note(summary, at.session, con)])]
    finally:
        con.close()
    body = {
        "format": RESULTS,
        "auditor": auditor.__version__,
        "findings_sha256": sha256_file(folder / "findings.parquet"),
        "made_from": made_from(at),
        "units": steps.units(at.session.tables.rows),
        "summary": dataclasses.asdict(summary),
        "notes": notes,
        "checks": [
            {**dataclasses.asdict(one), "tolerance": one.tolerance, **_outcome(results[one.check_id])}
            for one in steps.asked(asked, at.settings)
        ],
    }
    write_text(folder / "results.json", json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return results, summary


def _contracts(
    at: Opened, con: Connection, progress: Callable[[str, int, int | None], None]
) -> tuple[dict[str, Check], dict[str, Result]]:
    """Ask the contracts that the settings name; their findings join the others in the table `finding`."""
    checks: dict[str, Check] = {}
    results: dict[str, Result] = {}
    if not at.settings.contracts:
        return checks, results
    from auditor import contract

    for path in suites(at.space, at.settings):
        progress(f"asking the contract {path.stem}", 0, None)
        done = contract.run(
            contract.load(path),
            dict(at.session.tables.paths),
            hidden=at.session.hidden,
            work=at.session.work,
            memory=at.settings.memory,
        )
        con.register("contract_rows", done.findings)
        con.execute(f"INSERT INTO finding SELECT {', '.join(finding.COLUMNS)} FROM contract_rows")
        con.unregister("contract_rows")
        checks |= done.checks
        results |= done.results
    return checks, results


def _outcome(result: Result) -> dict[str, Any]:
    # Seconds differ from run to run; the file shall not.
    return {name: getattr(result, name) for name in ("outcome", "findings", "reason", "supply")}


@dataclass(frozen=True)
class Found:
    """findings/ as it was written: what the gate and the report read."""

    folder: Path
    body: Mapping[str, Any]

    @property
    def asked(self) -> list[gate.Asked]:
        """The checks that were asked, with the tolerances of that time."""
        names = [one.name for one in dataclasses.fields(gate.Asked)]
        return [gate.Asked(**{name: one[name] for name in names}) for one in self.body["checks"]]

    @property
    def results(self) -> dict[str, Result]:
        """Check -> what became of it."""
        return {
            one["check_id"]: Result(one["check_id"], one["outcome"], one["findings"], one["reason"], one["supply"])
            for one in self.body["checks"]
        }


def read_found(folder: Path) -> Found:
    """Read findings/.

    Raises:
        AuditorError: it is not there, was damaged, or was written by a version that this one does not know.
    """
    path = folder / "results.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AuditorError(f"{path}: is not there", "run dvc pull in a fresh clone, else auditor check (or dvc repro)") from error
    except ValueError as error:
        raise AuditorError(f"{path}: is not JSON", "run auditor check again") from error
    if body.get("format") != RESULTS:
        raise AuditorError(f"{path}: was written by another version of auditor", "run auditor check again")
    if sha256_file(folder / "findings.parquet") != body["findings_sha256"]:
        raise AuditorError(f"{folder / 'findings.parquet'}: was changed after the checks wrote it", "run auditor check again")
    return Found(folder, body)


def asked(space: Workspace, found: Found) -> list[gate.Asked]:
    """The checks that were asked, with the tolerances of auditor.toml as it is now."""
    overrides = space.settings().checks.items()
    tolerances = {name: override.tolerance for name, override in overrides if override.tolerance is not None}
    return [dataclasses.replace(one, tolerance=tolerances.get(one.check_id, one.tolerance)) for one in found.asked]


def verify_fresh(found: Found, at: Opened) -> None:
    """Raise AuditorError where the findings are of another state than the workspace's."""
    differ = freshness.changed(found.body["made_from"], made_from(at))
    if differ:
        raise AuditorError(
            f"the findings are of another state: {', '.join(differ[:4])}{' …' if len(differ) > 4 else ''} changed since",
            "run dvc repro (or auditor measure, auditor check), then auditor gate",
        )


def decide(space: Workspace, found: Found, as_of: dt.date) -> gate.Verdict:
    """The gate's answer for findings, under the tolerances, waivers and baseline of auditor.toml as it is now."""
    settings = space.settings()
    con = engine.connect(space.state)
    try:
        con.execute(f"CREATE VIEW finding AS SELECT * FROM read_parquet([{literal(str(found.folder / 'findings.parquet'))}])")
        baseline = steps.read_baseline(settings, space.root)
        known = review.precisions(review.read(space.reviews))
        return steps.decide(con, asked(space, found), found.results, found.body["units"], settings, as_of, baseline, known)
    finally:
        con.close()


def run_gate(space: Workspace, as_of: dt.date, progress: Callable[[str, int, int | None], None]) -> tuple[gate.Verdict, Summary]:
    """Decide, and write verdict.json.

    Raises:
        AuditorError: the findings are of another state than the workspace's.
    """
    with space.writing("gate") as work:
        found = read_found(space.findings)
        with opened(space, work, progress) as at:
            verify_fresh(found, at)
        verdict = decide(space, found, as_of)
        summary = restore(found.body["summary"])
        inputs = [{"source": name, **note} for name, note in space.sources().items()]
        said = review.digest(review.read(space.reviews))
        text = json_output.verdict(
            verdict, summary, inputs, as_of, "internal", space.settings(), found.body["findings_sha256"], said
        )
        write_text(space.verdict, text)
        return verdict, summary


def run_report(space: Workspace, as_of: dt.date, progress: Callable[[str, int, int | None], None]) -> Path:
    """Write report/report.html from findings/."""
    with space.writing("report") as work, opened(space, work, progress) as at:
        found = read_found(space.findings)
        made = work / "made"
        write_text(made / "report.html", page(at, found, as_of))
        said = review.digest(review.read(space.reviews))
        of = {"findings_sha256": found.body["findings_sha256"], **({"reviews_sha256": said} if said else {})}
        write_text(made / "of.json", json.dumps(of) + "\n")
        space.verify_ours(space.report)
        journal.commit(space.root, {made: space.report})
        return space.report / "report.html"


def _promised(at: Opened) -> dict[str, Check]:
    """The expectations of the contracts in the shape of checks, without asking them again."""
    return {name: one for path in suites(at.space, at.settings) for name, one in unmet.as_checks(suite.read(path)).items()}


def page(at: Opened, found: Found, as_of: dt.date) -> str:
    """The report of findings as HTML text."""
    verdict = decide(at.space, found, as_of)
    con = engine.connect(at.session.work, at.settings.memory)
    try:
        path = literal(str(found.folder / "findings.parquet"))
        con.execute(f"CREATE TABLE finding AS SELECT * FROM read_parquet([{path}])")
        con.execute(f"CREATE TABLE finding_sorted AS SELECT *, row_number() OVER (ORDER BY {finding.ORDER}) AS nth FROM finding")
        for name in (*steps.SHOWN_MEASURES, *steps.KEPT_MEASURES):
            at.session.try_measure(name)
        return html_output.render(
            html_output.Page(
                verdict,
                restore(found.body["summary"]),
                {one.id: one for one in at.checks} | _promised(at),
                (*found.body["notes"], *verdict.notes),
                at.session,
                con,
                Audience("internal", at.space.policy(), b""),
                as_of,
                at.settings,
                tuple(at.space.sources()),
                naming=policy.naming(finding.hidden_groups(con), at.pseudonyms),
                standings=review.standings(review.read(at.space.reviews)),
            )
        )
    finally:
        con.close()


def run_checks_at(
    space: Workspace, revision: str, as_of: dt.date, progress: Callable[[str, int, int | None], None]
) -> tuple[Checked, gate.Verdict]:
    """Ask today's checks of an old release's tables, read where they lie in DVC's cache; writes at/REVISION/."""
    with space.writing("check --at") as work:
        old = release.read_old(space, revision)
        made = work / "made"
        made.mkdir()
        with opened(space, work, progress, old=old) as at:
            done, verdict = ask_and_decide(at, made, as_of, progress, old.sources)
        target = space.root / "at" / revision.replace("/", "_")
        journal.commit(space.root, {made: target})
        return dataclasses.replace(done, folder=target), verdict


def ask_and_decide(
    at: Opened,
    folder: Path,
    as_of: dt.date,
    progress: Callable[[str, int, int | None], None],
    sources: Mapping[str, Any] | None = None,
) -> tuple[Checked, gate.Verdict]:
    """Findings, verdict and report in one folder: for an old release, or for a run with an identity."""
    results, summary = ask(at, folder, progress)
    found = read_found(folder)
    verdict = decide(at.space, found, as_of)
    inputs = [{"source": name, **note} for name, note in (at.space.sources() if sources is None else sources).items()]
    text = json_output.verdict(verdict, summary, inputs, as_of, "internal", at.settings, found.body["findings_sha256"])
    write_text(folder / "verdict.json", text)
    write_text(folder / "report.html", page(at, found, as_of))
    return Checked(results, summary, folder, at.notes), verdict


def run_release(
    space: Workspace, name: str, as_of: dt.date, even_failed: str, progress: Callable[[str, int, int | None], None]
) -> release.Made:
    """Release the workspace's state; see `release.make`.

    Raises:
        AuditorError: verdict.json is of another state, or is not there.
    """
    with space.writing(f"release {name}") as work:
        found = read_found(space.findings)
        with opened(space, work, progress) as at:
            differ = freshness.changed(found.body["made_from"], made_from(at))
            if at.stale or not (space.measures / "keys.json").is_file():
                what = f"{next(iter(at.stale))} is stale" if at.stale else "there are none"
                raise AuditorError(f"the measures are not those of this state: {what}", "run dvc repro (or auditor measure)")
            if differ or not _decided(space, found):
                raise AuditorError(
                    f"the gate has not decided on this state{f': {differ[0]} changed since the checks' if differ else ''}",
                    "run dvc repro, then auditor gate",
                )
            files = sorted(path for folder in (space.tables, space.measures, space.findings) for path in folder.rglob("*.parquet"))
            body = {
                "auditor": auditor.__version__,
                "sources": {one: note["digest"] for one, note in space.sources().items()},
                "units": found.body["units"],
                "findings_sha256": found.body["findings_sha256"],
                "verdict_sha256": sha256_file(space.verdict),
                "config_sha256": sha256_file(space.config),
                "files": {str(path.relative_to(space.root)): at.digests.file(path) for path in files},
            }
        # Asked anew: a waiver may have ended since verdict.json was written.
        verdict = decide(space, found, as_of)
        return release.make(space, name, verdict, as_of, body, even_failed=even_failed, progress=progress)


def _decided(space: Workspace, found: Found) -> bool:
    try:
        body = json.loads(space.verdict.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    said = review.digest(review.read(space.reviews))
    return bool(body.get("findings_sha256") == found.body["findings_sha256"] and body.get("reviews_sha256", "") == said)
