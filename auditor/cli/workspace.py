"""The commands of a workspace: init, import, measure, check, gate, report, status, release, releases."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import seal
from auditor.cli.options import given_sources, reading

if TYPE_CHECKING:
    from auditor.workspace import Workspace

_AS_OF = click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The date on which waivers must hold; today when not given."
)
_QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")


def _space() -> Workspace:
    from auditor import workspace

    return workspace.find()


def _date(as_of: dt.datetime | None) -> dt.date:
    return as_of.date() if as_of else dt.datetime.now(dt.UTC).date()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--name", default="", help="The data set's name; the folder's when not given.")
def init(folder: Path, name: str) -> None:
    """Make a workspace: git, DVC (its analytics off), auditor.toml, checks/, policies/. Overwrites nothing."""
    from auditor import scaffold

    for line in scaffold.init(folder, name):
        click.echo(line)
    click.echo("next: auditor import FILE, then dvc repro, then auditor gate", err=True)


@click.command("import")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE…")
@click.option("--name", default="", help="The source's name, whose rows are replaced; the first file's when not given.")
@reading
@click.option("--track-media", is_flag=True, help="Releases keep the media folder too; it must lie in the workspace.")
@click.option("--new-pseudonyms", "anew", is_flag=True, help="Accept other pseudonyms than those of imports on another machine.")
@seal.identity_options
@_QUIET
def import_(
    sources: tuple[Path, ...],
    name: str,
    track_media: bool,
    anew: bool,
    file: Path | None,
    passphrase_file: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Read SOURCE into the workspace's tables, protected as policies/fields.toml says; replaces the rows of the same name."""
    from auditor import importing, progress
    from auditor.outputs import steps as text
    from auditor.protection import storing

    space = _space()
    who = storing.identity_of(file, passphrase_file)
    given = given_sources(sources, **options)
    with progress.shown(wanted=not quiet) as show:
        done = importing.run_import(
            space,
            given,
            name or importing.default_name(sources[0]),
            media=options["media"],
            track=track_media,
            anew=anew,
            who=who,
            progress=show,
        )
    if not quiet:
        click.echo(text.imported(done))
        if done.clashes:
            click.echo(text.shared(done), err=True)


@click.command()
@click.argument("name")
def forget(name: str) -> None:
    """Remove the source NAME and its rows; releases that hold it stay as they are."""
    from auditor import importing, progress

    with progress.shown() as show:
        importing.forget(_space(), name, show)
    click.echo(f"{name} is gone from the workspace; releases that hold it still do")


@click.command()
@_QUIET
def measure(quiet: bool) -> None:
    """Compute the measures that checks and report read; those that are fresh stay (stage of dvc.yaml)."""
    from auditor import pipeline, progress
    from auditor.outputs import steps as text

    with progress.shown(wanted=not quiet) as show:
        done = pipeline.run_measures(_space(), show)
    if not quiet:
        click.echo(text.measured(done))


@click.command()
@click.option("--at", "revision", default="", metavar="REVISION", help="Ask an old release instead; writes at/REVISION/.")
@click.option("--purpose", default="", help="Open what your identity may open for this purpose; writes private/ alone.")
@seal.identity_options
@_AS_OF
@_QUIET
def check(
    revision: str, purpose: str, file: Path | None, passphrase_file: Path | None, as_of: dt.datetime | None, quiet: bool
) -> None:
    """Ask the checks and write findings/; findings do not make it fail, `auditor gate` decides (stage of dvc.yaml)."""
    from auditor import pipeline, progress
    from auditor.outputs import steps as text

    with progress.shown(wanted=not quiet) as show:
        if purpose:
            from auditor import private

            who = seal.load_identity(file, passphrase_file)
            done, verdict = private.run_private(_space(), who, purpose, _date(as_of), show)
        elif revision:
            done, verdict = pipeline.run_checks_at(_space(), revision, _date(as_of), show)
        else:
            done, verdict = pipeline.run_checks(_space(), show), None
    if not quiet:
        click.echo(text.checked(done, verdict))


@click.command()
@_AS_OF
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@_QUIET
@click.pass_context
def gate(ctx: click.Context, as_of: dt.datetime | None, as_json: bool, quiet: bool) -> None:
    """Decide on the findings and write verdict.json: exits 0 passed, 1 failed, 4 incomplete."""
    from auditor import pipeline, progress
    from auditor.outputs import steps as text

    space = _space()
    with progress.shown(wanted=not quiet) as show:
        verdict, summary = pipeline.run_gate(space, _date(as_of), show)
    if as_json:
        click.echo(space.verdict.read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        click.echo(text.decided(verdict, summary, space.report / "report.html"))
    ctx.exit(verdict.exit_code)


@click.command()
@_AS_OF
@_QUIET
def report(as_of: dt.datetime | None, quiet: bool) -> None:
    """Write report/report.html from the findings (stage of dvc.yaml)."""
    from auditor import pipeline, progress

    with progress.shown(wanted=not quiet) as show:
        path = pipeline.run_report(_space(), _date(as_of), show)
    if not quiet:
        click.echo(f"wrote {path}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(as_json: bool) -> None:
    """Say what is fresh, stale or missing, and why."""
    from auditor import status as status_module
    from auditor.outputs import steps as text

    found = status_module.lines(_space(), dt.datetime.now(dt.UTC).date())
    click.echo(text.status_json(found) if as_json else text.status(found))


@click.command()
@click.argument("name")
@click.option("--even-failed", default="", metavar="REASON", help="Release although the gate did not pass; the reason is recorded.")
@_AS_OF
def release(name: str, even_failed: str, as_of: dt.datetime | None) -> None:
    """Commit data with DVC, push where a remote is set, commit and tag NAME; refuses unless the gate passed at this state."""
    from auditor import pipeline, progress

    with progress.shown() as show:
        done = pipeline.run_release(_space(), name, _date(as_of), even_failed, show)
    made = done.release
    click.echo(f"released {made.name}: {made.result}, {made.items:,} items, {made.annotations:,} annotations")
    if done.same_as:
        click.echo(f"nothing changed since {done.same_as}", err=True)
    where = "its data was pushed" if done.pushed else "its data is in DVC's cache only: no remote is set (dvc remote add)"
    click.echo(where, err=True)


@click.command()
@click.argument("old")
@click.argument("new", default="")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def diff(old: str, new: str, as_json: bool) -> None:
    """Say what changed from release OLD to NEW (the workspace as it is, when not given): labels and findings."""
    from auditor import compare
    from auditor.outputs import steps as text

    found = compare.between(_space(), old, new)
    click.echo(text.difference_json(found) if as_json else text.difference(found))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def releases(as_json: bool) -> None:
    """List the releases with their verdicts, newest first."""
    from auditor import release as release_module
    from auditor.outputs import steps as text

    found = release_module.listed(_space())
    click.echo(text.releases_json(found) if as_json else text.releases(found))
