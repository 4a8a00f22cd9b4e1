"""`auditor contract`: Great Expectations suites on labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli.options import FILE, reading


@click.group()
def contract() -> None:
    """Ask a contract of labels: a Great Expectations suite, your own or a built-in one."""


@contract.command("run")
@click.argument("suite", metavar="SUITE")
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE…]")
@reading
@click.option("--policy", type=FILE, help="What may be shown, on top of the built-in fields.toml.")
@click.option("--key-file", type=FILE, help="The key of pseudonyms, so that they stay the same from run to run.")
@click.option(
    "--findings",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the findings go, as Parquet with the columns that an audit's findings have.",
)
@click.option(
    "--data-docs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where Great Expectations' own pages go. When opened they load styles and scripts from the internet.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what became of each expectation as JSON.")
@click.pass_context
def run(ctx: click.Context, /, suite: str, sources: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Ask the expectations of SUITE of SOURCE, or of the workspace's tables where no SOURCE is named.

    SUITE is a JSON file of Great Expectations, the name of a built-in suite (auditor contract list), or all.

    \b
    Exit codes: 0 all are met, 1 one of severity error is not, 3 could not run,
                4 incomplete (one failed with an error, or none could be judged).
    """  # noqa: D301  # \b is Click's sign for a paragraph whose lines stay as they are
    from auditor import breach, contracting, progress
    from auditor.cli.options import given_sources
    from auditor.outputs import contract as output

    given = given_sources(sources, **options)
    with progress.shown(wanted=not as_json) as show:
        done = contracting.run(
            suite, given, media=options["media"], policy_file=options["policy"], key_file=options["key_file"],
            findings=options["findings"], data_docs=options["data_docs"], progress=show,
        )  # fmt: skip
    click.echo(output.as_json(done) if as_json else output.as_text(done))
    if options["data_docs"] and (index := options["data_docs"] / "index.html").is_file():
        click.echo(f"wrote {index}", err=True)
    ctx.exit(breach.exit_code(done))


@contract.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_(as_json: bool) -> None:
    """List the built-in suites: one for each canonical table, and what each expects."""
    from auditor.outputs import contract as output

    click.echo(output.list_json() if as_json else output.list_text())
