"""`auditor review`, `queue`, `annotators`: what people do with the results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from auditor.cli import seal
from auditor.cli.options import FILE, FOLDER, reading, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.api import Request
    from auditor.review import Answer

_AUDIT = click.option("--audit", type=FOLDER, help="The folder of an audit; else the workspace, else ./audit.")


def more_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of an audit that is made for its results alone."""
    for option in (
        click.option("--key-file", type=FILE, help="The key of pseudonyms, so that they stay the same from run to run."),
        click.option("--policy", type=FILE, help="What may be shown, on top of the built-in fields.toml."),
        click.option("--config", type=FILE, help="Settings; ./auditor.toml is read where it exists."),
        click.option("--checks", type=FOLDER, help="A folder of your own checks."),
    ):
        command = option(command)
    return command


def asked_of(sources: tuple[Path, ...], audit: Path | None, **options: Any) -> Request | None:
    """The audit that sources ask for; None where there are none."""
    if sources and audit is not None:
        raise click.UsageError("give SOURCE or --audit DIR, not both")
    if not sources:
        _refuse_unused(options)
    more = {"only": (), "out": Path("audit"), "audience": "internal", "as_of": None, "link": ""}
    return request(sources, **options, **more) if sources else None


def _refuse_unused(options: Iterable[str]) -> None:
    """Options that say how sources are read or judged do nothing without one: results are as their audit made them.

    Raises:
        click.UsageError: one of them was given.
    """
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in options and context.get_parameter_source(option.name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} says how SOURCE is read and judged: give SOURCE, or audit with it anew")


def say(text: str, notes: list[str]) -> None:
    """Data on stdout, what is said beside it on stderr."""
    if text:
        click.echo(text)
    for note in notes:
        click.echo(note, err=True)


@click.command()
@click.argument("finding", required=False)
@click.argument("decision", required=False, type=click.Choice(["yes", "no", "skip"]))
@click.option("--import", "file", type=FILE, help="decisions.json, an edited findings.csv, or tags.csv of auditor view --pull.")
@click.option("--note", default="", help="Why.")
@click.option("--by", default="", metavar="NAME", help="Who judges; git's user.name when not given.")
@click.option("--even-unknown", is_flag=True, help="Keep the decisions of a file of which no finding is here.")
@click.option("--json", "as_json", is_flag=True, help="Print what was judged so far as JSON.")
@_AUDIT
def review(finding: str, decision: Answer, file: Path | None, audit: Path | None, **options: Any) -> None:
    """Say whether FINDING is a fault (yes), is none (no), or is left open (skip); without it, show what was judged.

    From what people said follows how often each check is right: `auditor checks` shows it, and a gate can ask for it
    (min_precision in auditor.toml).
    """
    from auditor import judging

    where = judging.place(audit)
    if file is not None and finding is None:
        click.echo(judging.take(where, file, options["by"], even_unknown=options["even_unknown"]))
    elif finding and decision and file is None:
        click.echo(judging.judge(where, finding, decision, options["by"], options["note"]))
    elif finding or file:
        raise click.UsageError("give FINDING and yes, no or skip; or --import FILE alone")
    else:
        click.echo(judging.overview_json(where) if options["as_json"] else judging.overview(where))


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE…]")
@reading
@_AUDIT
@click.option("--until-pass", is_flag=True, help="The fewest items that must be set right so that the gate passes.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, help="Rows at most.")
@click.option(
    "--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write them here; else the first 20 are shown."
)
@click.option("--as", "kind", type=click.Choice(["csv", "label-studio", "cvat"]), default="csv", show_default=True,
              help="With --out: CSV, Label Studio's tasks, or CVAT's manifest and jobs.")  # fmt: skip
@more_options
def queue(
    sources: tuple[Path, ...],
    audit: Path | None,
    target: Path | None,
    kind: str,
    limit: int,
    until_pass: bool,
    **options: Any,
) -> None:
    """What to relabel first, for the most expected gain a minute.

    With SOURCE it audits first; without, it reads the workspace's results, or those of --audit DIR.
    """
    from auditor import progress, queueing

    asked = asked_of(sources, audit, **options)
    with progress.shown() as show:
        done = queueing.run(asked, audit, target, kind, limit, until_pass=until_pass, progress=show)
    say(*done)


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE…]")
@reading
@_AUDIT
@click.option("--scorecards", "target", type=click.Path(path_type=Path), metavar="DIR",
              help="Write a page and a JSON file for each annotator into this private folder.")  # fmt: skip
@click.option("--purpose", default="", help="Show names: annotator.name is opened for this purpose, if the policy permits it.")
@seal.identity_options
@more_options
def annotators(
    sources: tuple[Path, ...],
    audit: Path | None,
    target: Path | None,
    purpose: str,
    file: Path | None,
    passphrase_file: Path | None,
    **options: Any,
) -> None:
    """Show each annotator beside the others: answers, how many are right, how fast, the commonest slip.

    Annotators appear as findings show them. Of fewer than 20 answers nothing is said. Scorecards are part of no report and no
    audit: they are written only here, for you to hand on.
    """
    from auditor import carding, progress

    asked = asked_of(sources, audit, **options)
    naming = carding.Naming(seal.load_identity(file, passphrase_file), purpose) if purpose else None
    with progress.shown() as show:
        done = carding.run(asked, audit, target, naming, show)
    say(*done)
