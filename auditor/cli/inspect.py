"""`auditor checks`, `explain`, `tables`: what there is."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # click resolves it when it runs

import click

from auditor.cli.options import FOLDER


@click.command()
@click.option("--checks", "folder", type=FOLDER, help="A folder of your own checks.")
@click.option("--audit", type=FOLDER, help="The folder of an audit whose findings were judged; the workspace's when not given.")
@click.option("--test", "run_cases", is_flag=True, help="Run the cases beside the checks.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def checks(folder: Path | None, audit: Path | None, run_cases: bool, as_json: bool) -> None:
    """List the checks; your own replace built-in ones of the same name.

    Where people judged findings (auditor review), it shows how often each check is right, with a 95 % interval.
    """
    from auditor import listing

    if run_cases:
        click.echo(listing.run_cases(folder))
    else:
        click.echo(listing.checks_json(folder, audit) if as_json else listing.checks(folder, audit))


@click.command()
@click.argument("check_id", metavar="CHECK")
@click.option("--checks", "folder", type=FOLDER, help="A folder of your own checks.")
def explain(check_id: str, folder: Path | None) -> None:
    """Show a check's page: what it finds, why it matters, how to fix it, when it is wrong, its SQL."""
    from auditor import listing

    click.echo(listing.explain(check_id, folder))


@click.command()
@click.argument("table", required=False)
def tables(table: str | None) -> None:
    """List the tables and measures that checks can read, or one of them with its columns."""
    from auditor import listing

    click.echo(listing.tables(table))
