"""Every command: read options, call one library function, print.

Heavy imports happen inside the commands, so that `auditor --help` starts at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import auditor
from auditor.errors import AuditorError

if TYPE_CHECKING:
    from auditor.api import Request

EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Main(click.Group):
    """The group: our errors become two lines on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; see docs/adr/0003-exit-codes.md for the codes."""
        from auditor.outputs.escape import visible

        try:
            return super().invoke(ctx)
        except AuditorError as error:
            click.echo(f"{click.style('auditor: error:', fg='red')} {visible(error.message)}", err=True)
            if error.hint:
                click.echo(f"{click.style('auditor: hint:', fg='cyan')} {visible(error.hint)}", err=True)
            ctx.exit(error.exit_code)
        except (click.exceptions.Exit, click.exceptions.Abort, click.ClickException):
            raise
        except Exception as error:
            if os.environ.get("AUDITOR_DEBUG"):
                raise
            fault = visible(f"{type(error).__name__}: {error}".split("\n", 1)[0])
            click.echo(f"{click.style('auditor: error:', fg='red')} a fault of auditor itself: {fault}", err=True)
            click.echo(
                f"{click.style('auditor: hint:', fg='cyan')} run it again with AUDITOR_DEBUG=1 and report what it prints", err=True
            )
            ctx.exit(3)


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(auditor.__version__, prog_name="auditor")
def cli() -> None:
    r"""Audit labelled datasets: what is wrong with the labels, why, and what to fix first.

    \b
    Exit codes: 0 passed, 1 the gate failed, 2 wrong command line, 3 could not run,
                4 incomplete (a demanded check did not run), 5 access denied.
    """


def _mapping(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair for value in values for pair in value.split(",") if pair]
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not column=source_column")
    return {left.strip(): right.strip() for left, _, right in (pair.partition("=") for pair in pairs)}


@cli.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE…")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    callback=_mapping,
    metavar="COLUMN=SOURCE,…",
    help="Which source column is which: item_id=question,annotator.gender=sex.",
)
@click.option("--gold", type=FILE, help="A table of true labels.")
@click.option("--predictions", type=FILE, help="A model's probabilities: .npy, or a table.")
@click.option("--classes", type=FILE, help="Class names, one a line.")
@click.option("--media", type=FOLDER, help="The folder with the items' files; checks of pixels need it.")
@click.option("--format", "format_name", default="", help="The sources' format; detected when not given.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("audit"),
    show_default=True,
    help="Where the findings, the verdict and the report go.",
)
@click.option("--checks", type=FOLDER, help="A folder of your own checks.")
@click.option("--only", multiple=True, metavar="CHECK", help="Ask only this check or family; may be repeated.")
@click.option("--config", type=FILE, help="Settings; ./auditor.toml is read where it exists.")
@click.option("--policy", type=FILE, help="What may be shown, on top of the built-in fields.toml.")
@click.option("--key-file", type=FILE, help="The key of pseudonyms, so that they stay the same from run to run.")
@click.option(
    "--for",
    "audience",
    type=click.Choice(["internal", "public"]),
    default="internal",
    show_default=True,
    help="Who reads it: a public report holds no media and no label text.",
)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The date on which waivers must hold; today when not given.")
@click.option("--link", default="", help="Where an item opens, such as https://labels.example/data?task={item_id}.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def audit(ctx: click.Context, /, sources: tuple[Path, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Import, measure, check, decide and report, in one go.

    SOURCE is a file or folder of labels: CSV, TSV, JSON lines, Parquet, COCO, Pascal VOC, Label Studio, or .npy.
    """
    from auditor import api, progress
    from auditor.outputs import text

    request = _request(sources, **options)
    with progress.shown(wanted=not quiet) as show:
        done = api.run(request, show)
    if as_json:
        click.echo((done.out / "verdict.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        click.echo(text.summary(done))
    ctx.exit(done.verdict.exit_code)


def _request(sources: tuple[Path, ...], **options: Any) -> Request:
    from auditor import settings
    from auditor.api import Request
    from auditor.stage import Source

    config = options["config"] or (Path("auditor.toml") if Path("auditor.toml").is_file() else None)
    chosen = settings.load(config) if config else settings.Settings()
    if options["link"]:
        chosen = settings.with_link(chosen, options["link"])
    more = {"as_of": options["as_of"].date()} if options["as_of"] else {}
    given = tuple(
        Source(
            path, options["format_name"], options["mapping"], classes=options["classes"], media=options["media"],
            gold=options["gold"] if number == 0 else None, predictions=options["predictions"] if number == 0 else None,
        )
        for number, path in enumerate(sources)
    )  # fmt: skip
    return Request(
        given, options["out"], media=options["media"], checks=options["checks"], only=options["only"], settings=chosen,
        policy=options["policy"], key_file=options["key_file"], audience=options["audience"], **more,
    )  # fmt: skip


@cli.command()
@click.option("--checks", "folder", type=FOLDER, help="A folder of your own checks.")
@click.option("--test", "run_cases", is_flag=True, help="Run the cases beside the checks.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def checks(folder: Path | None, run_cases: bool, as_json: bool) -> None:
    """List the checks; your own replace built-in ones of the same name."""
    from auditor import listing

    if run_cases:
        click.echo(listing.run_cases(folder))
    else:
        click.echo(listing.checks_json(folder) if as_json else listing.checks(folder))


@cli.command()
@click.argument("check_id", metavar="CHECK")
@click.option("--checks", "folder", type=FOLDER, help="A folder of your own checks.")
def explain(check_id: str, folder: Path | None) -> None:
    """Show a check's page: what it finds, why it matters, how to fix it, when it is wrong, its SQL."""
    from auditor import listing

    click.echo(listing.explain(check_id, folder))


@cli.command()
@click.argument("table", required=False)
def tables(table: str | None) -> None:
    """List the tables and measures that checks can read, or one of them with its columns."""
    from auditor import listing

    click.echo(listing.tables(table))


from auditor import cli_view  # noqa: E402, F401  # registers `view`, which takes its options from `audit`


def main() -> None:
    """The console script."""
    # Label text may hold what the terminal's encoding does not: it is written out rather than raised on.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="auditor")


if __name__ == "__main__":
    main()
