"""`auditor audit`: everything in one go, without a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli.options import FILE, FOLDER, reading, request


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE…")
@reading
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
@click.option(
    "--link",
    default="",
    help="Where a finding opens: https://labels.example/data?task={item_id}; also {annotation_id}, {annotator_id}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def audit(ctx: click.Context, /, sources: tuple[Path, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Import, measure, check, decide and report, in one go.

    SOURCE is a file or folder of labels: CSV, TSV, JSON lines, Parquet, COCO, Pascal VOC, Label Studio, or .npy.
    """
    from auditor import api, progress
    from auditor.outputs import text

    asked = request(sources, **options)
    with progress.shown(wanted=not quiet) as show:
        done = api.run(asked, show)
    if as_json:
        click.echo((done.out / "verdict.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        click.echo(text.summary(done))
    ctx.exit(done.verdict.exit_code)
