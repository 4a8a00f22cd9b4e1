"""What `auditor view` does and says: sentences for people on standard error, the address and counts on standard output."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.errors import UsageError
from auditor.outputs.escape import visible
from auditor.views import Material
from auditor.views.tags import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.check import Check
    from auditor.policy import Opened
    from auditor.views import Built, Views


def dataset(
    shown: Views, sources: tuple[Path, ...], options: Mapping[str, Any], progress: Callable[[str, int, int | None], None]
) -> str:
    """The dataset to show: made of sources, or the one that is there; returns its name.

    Raises:
        UsageError: without sources, there is none, or there are several.
    """
    if sources:
        name = options["name"] or sources[0].resolve().stem
        _say(_built(shown, name, sources, options, progress))
        return str(name)
    names = [options["name"]] if options["name"] else shown.names()
    if len(names) == 1:
        shown.dataset(names[0])
        return names[0]
    if not names:
        raise UsageError(f"there is no dataset in {shown.folder}", "name a file or a folder of labels to make one")
    raise UsageError(f"there are several datasets in {shown.folder}", f"give --name one of: {', '.join(names)}")


def _built(
    shown: Views,
    name: str,
    sources: tuple[Path, ...],
    options: Mapping[str, Any],
    progress: Callable[[str, int, int | None], None],
) -> Built:
    """Audit the sources in a temporary folder and load what the policy lets be shown."""
    from auditor import api
    from auditor.cli import _request

    made: list[Built] = []

    def load(opened: Opened, findings: Path, checks: Mapping[str, Check]) -> None:
        # An image shows what its uri names: who may not know the one does not see the other.
        media = None if "item.uri" in opened.hidden else opened.tables.media
        titles = {check: one.header.title for check, one in checks.items()}
        made.append(shown.build(name, Material(opened.tables.paths, media, findings, titles)))

    with tempfile.TemporaryDirectory(prefix="auditor-") as work:
        more = {"out": Path(work) / "audit", "audience": "internal", "as_of": None, "link": ""}
        done = api.run(_request(sources, **{**options, **more}), progress, load)
        for note in done.notes:
            click.echo(f"note: {visible(note)}", err=True)
    return made[0]


def _say(built: Built) -> None:
    click.echo(f"{built.samples:,} items, {max(len(built.views) - 1, 0)} checks found something about them", err=True)
    if built.kept_tags or built.lost_tags:
        lost = f"; {len(built.lost_tags):,} have nothing to stand on and wait" if built.lost_tags else ""
        click.echo(f"{built.kept_tags:,} tags of people kept{lost}", err=True)
    for note in built.notes:
        click.echo(f"note: {visible(note)}", err=True)


def pull(shown: Views, name: str, path: Path) -> None:
    """Write people's tags and say how many there are of each."""
    found = shown.pull(name, path)
    for tag, count in counts(found).items():
        click.echo(f"{count:>7,} {visible(tag)}")
    click.echo(f"{len(found):,} tags written to {path}", err=True)


def export(shown: Views, name: str, target: Path) -> None:
    """Write the dataset and say where."""
    count = shown.export(name, target)
    click.echo(f"{count:,} items written to {target}: fiftyone.Dataset.from_dir reads them", err=True)


def serve(shown: Views, name: str, port: int | None, *, open_browser: bool) -> None:
    """Serve the app until Ctrl-C, and say how many tags there are then."""

    def ready(url: str) -> None:
        click.echo(url)
        click.echo("Ctrl-C closes it", err=True)
        if open_browser:
            import webbrowser

            webbrowser.open(url, new=2)

    shown.serve(name, port, ready)
    given = len(shown.tags(name))
    if given:
        click.echo(f"people gave {given:,} tags: `auditor view --pull` writes them to a file", err=True)
