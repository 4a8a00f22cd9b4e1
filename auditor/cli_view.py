"""The command `view`: a dataset in the FiftyOne app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli import FILE, audit, cli

FOLDER = Path(".auditor/views")
# What an audit is told of its sources, a view is told in the same words.
_SHARED = {"mapping", "gold", "predictions", "classes", "media", "format_name", "checks", "only", "config", "policy", "key_file"}


@cli.command(params=[option for option in audit.params if option.name in _SHARED])
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE…]")
@click.option("--name", default="", help="The dataset's name; the source's when not given.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True, help="Where it stays, in clear."
)
@click.option("--export", "target", type=click.Path(path_type=Path), help="Write a FiftyOneDataset here, without the app.")
@click.option("--pull", is_flag=True, help="Bring back the tags that people gave in the app.")
@click.option("--tags", type=click.Path(dir_okay=False, path_type=Path), default=Path("tags.csv"), show_default=True,
              help="Where --pull writes them: item_id, annotation_id, tag.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), help="The app's port on 127.0.0.1; the first free one from 5151.")
@click.option("--no-open", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--mongod", type=FILE, help="The database's program; the one that comes with FiftyOne when not given.")
def view(sources: tuple[Path, ...], **options: Any) -> None:
    """Show items, labels and findings in the FiftyOne app, on this machine alone.

    With SOURCE it audits as `auditor audit` does and shows what it found; without, it shows what it showed last.
    Every check that found something is a saved view. Ctrl-C closes the app; the dataset stays.
    """
    from auditor import progress, views
    from auditor.views import talk

    with progress.shown() as show, views.opened(
        options["folder"], mongod=options["mongod"], share=not sources and (options["pull"] or bool(options["target"])), progress=show
    ) as shown:  # fmt: skip
        name = talk.dataset(shown, sources, options, show)
        if options["pull"]:
            talk.pull(shown, name, options["tags"])
        if options["target"]:
            talk.export(shown, name, options["target"])
        if not options["pull"] and not options["target"]:
            talk.serve(shown, name, options["port"], open_browser=not options["no_open"])
