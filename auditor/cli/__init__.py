"""Every command: read options, call one library function, print.

Heavy imports happen inside the commands, so that `auditor --help` starts at once.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

import auditor
from auditor import stopping
from auditor.cli import audit, contract, inspect, review, seal, view, workspace
from auditor.errors import AuditorError


def _lines(text: str) -> str:
    """A hint: lines to copy stay lines; nothing else in it acts on the terminal."""
    from auditor.outputs.escape import visible

    return "\n".join(visible(line) for line in text.split("\n"))


class Main(click.Group):
    """The group: our errors become two lines on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; see docs/adr/0003-exit-codes.md for the codes."""
        from auditor.outputs.escape import visible

        try:
            return super().invoke(ctx)
        except AuditorError as error:
            stopping.check()
            click.echo(f"{click.style('auditor: error:', fg='red')} {visible(error.message)}", err=True)
            if error.hint:
                click.echo(f"{click.style('auditor: hint:', fg='cyan')} {_lines(error.hint)}", err=True)
            ctx.exit(error.exit_code)
        except (click.exceptions.Exit, click.exceptions.Abort, click.ClickException):
            raise
        except Exception as error:
            stopping.check()
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
    """Audit labelled datasets: what is wrong with the labels, why, and what to fix first.

    \b
    Exit codes: 0 passed, 1 the gate failed, 2 wrong command line, 3 could not run,
                4 incomplete (a demanded check did not run), 5 access denied,
                128 + n stopped by signal n (130 Ctrl-C, 143 SIGTERM).
    """  # noqa: D301  # \b is Click's sign for a paragraph whose lines stay as they are


for command in (
    audit.audit, workspace.init, workspace.import_, workspace.forget, workspace.measure, workspace.check, workspace.gate,
    workspace.report, workspace.status, workspace.release, workspace.releases, workspace.diff, view.view,
    review.review, review.queue, review.annotators,
    inspect.checks, inspect.explain, inspect.tables, seal.identity, seal.open_, seal.access, contract.contract,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """The console script."""
    # Label text may hold what the terminal's encoding does not: it is written out rather than raised on.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with stopping.handled():
            cli(prog_name="auditor")
    except stopping.StoppedError as error:
        click.echo(f"{click.style('auditor: error:', fg='red')} stopped by {error.name}", err=True)
        raise


if __name__ == "__main__":
    main()
