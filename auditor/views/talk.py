"""What `auditor view` does and says: sentences for people on standard error, the address and the counts on standard output."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import views
from auditor.errors import AuditorError, UsageError
from auditor.outputs.escape import visible
from auditor.views import mongod, sources
from auditor.views.tags import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.api import Request
    from auditor.views import Built, Views
    from auditor.workspace import Workspace

FOLDER = Path(".auditor") / "views"


def view(request: Request | None, options: Mapping[str, Any], progress: Callable[[str, int, int | None], None]) -> None:
    """Make or find the dataset; then write its tags, export it, or serve it.

    Args:
        request: sources to audit, or None.
        options: those of the command.
        progress: called with (what, done, total).
    """
    space = None if request else _workspace()
    folder = options["folder"] or (space.root / FOLDER if space else FOLDER)
    makes = request is not None or (space is not None and not options["pull"])
    if makes:
        mongod.find(options["mongod"])  # before an audit that may take minutes
    with views.opened(
        folder, mongod=options["mongod"], share=not makes and (options["pull"] or options["target"]), progress=progress
    ) as shown:
        name = (
            _made(shown, request, space, options["name"], options["revision"], progress)
            if makes
            else _there(shown, options["name"])
        )
        if options["pull"]:
            _pull(shown, name, options["tags"])
        if options["target"]:
            count = shown.export(name, options["target"])
            click.echo(f"{count:,} items written to {options['target']}: fiftyone.Dataset.from_dir reads them", err=True)
        if not options["pull"] and not options["target"]:
            _serve(shown, name, options["port"], open_browser=not options["no_open"])


def _workspace() -> Workspace | None:
    from auditor import workspace

    with contextlib.suppress(AuditorError):
        return workspace.find()
    return None


def _made(
    shown: Views,
    request: Request | None,
    space: Workspace | None,
    name: str,
    revision: str,
    progress: Callable[[str, int, int | None], None],
) -> str:
    if request is not None:
        name = name or request.sources[0].path.resolve().stem
        built, notes = sources.of_request(shown, name, request, progress)
    else:
        assert space is not None
        name = name or "-".join(filter(None, [space.root.resolve().name, revision]))
        built, notes = sources.of_workspace(shown, name, space, progress, revision)
    for note in notes:
        click.echo(f"note: {visible(note)}", err=True)
    _say(built)
    return name


def _there(shown: Views, name: str) -> str:
    """The dataset that is there.

    Raises:
        UsageError: there is none, or there are several.
    """
    names = [name] if name else shown.names()
    if len(names) == 1:
        shown.dataset(names[0])
        return names[0]
    if not names:
        raise UsageError(f"there is no dataset in {shown.folder}", "name a file or a folder of labels to make one")
    raise UsageError(f"there are several datasets in {shown.folder}", f"give --name one of: {', '.join(names)}")


def _say(built: Built) -> None:
    click.echo(f"{built.samples:,} items, {built.checks:,} checks found something about them", err=True)
    if built.kept_tags or built.lost_tags:
        lost = f"; {len(built.lost_tags):,} wait for their item or annotation to come back" if built.lost_tags else ""
        click.echo(f"{built.kept_tags:,} tags of people kept{lost}", err=True)
    for note in built.notes:
        click.echo(f"note: {visible(note)}", err=True)


def _pull(shown: Views, name: str, path: Path) -> None:
    found = shown.pull(name, path)
    for tag, count in counts(found).items():
        click.echo(f"{count:>7,} {visible(tag)}")
    click.echo(f"{len(found):,} tags written to {path}", err=True)


def _serve(shown: Views, name: str, port: int | None, *, open_browser: bool) -> None:
    def ready(url: str) -> None:
        click.echo(url)
        click.echo("Ctrl-C closes it", err=True)
        if open_browser and _has_screen():
            import webbrowser

            # Beside the server, which would wait for a browser that does not come back at once.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    shown.serve(name, port, ready)
    given = len(shown.tags(name))
    if given:
        click.echo(f"people gave {given:,} tags: `auditor view --pull` writes them to a file", err=True)


def _has_screen() -> bool:
    """Whether a browser has somewhere to open: else Python would start one in the terminal."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
