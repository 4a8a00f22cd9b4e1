"""`auditor view`: a dataset in the FiftyOne app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli.options import FILE, FOLDER, reading, request


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE…]")
@reading
@click.option("--checks", type=FOLDER, help="A folder of your own checks.")
@click.option("--only", multiple=True, metavar="CHECK", help="Ask only this check or family; may be repeated.")
@click.option("--config", type=FILE, help="Settings; ./auditor.toml is read where it exists.")
@click.option("--policy", type=FILE, help="What may be shown, on top of the built-in fields.toml.")
@click.option("--key-file", type=FILE, help="The key of pseudonyms, so that they stay the same from run to run.")
@click.option("--name", default="", help="The dataset's name; the source's or the workspace's when not given.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where datasets stay, in clear; .auditor/views when not given.",
)
@click.option(
    "--at", "revision", default="", metavar="REVISION", help="An old release of the workspace, after check --at REVISION."
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

    With SOURCE it audits as `auditor audit` does and shows what it found; without, it shows the workspace, or what it showed last.
    Every check that found something is a saved view. Ctrl-C closes the app; the dataset stays.
    """
    from auditor import progress
    from auditor.views import talk

    more = {"out": Path("audit"), "audience": "internal", "as_of": None, "link": ""}
    asked = request(sources, **options, **more) if sources else None
    with progress.shown() as show:
        talk.view(asked, options, show)
