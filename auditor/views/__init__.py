"""Views: a labelled dataset in the FiftyOne app, with what was found as tags, a sidebar group and one saved view a check.

    from auditor import views
    with views.opened(Path(".auditor/views")) as shown:
        shown.build("release", views.Material(tables, media, findings, titles))
        shown.export("release", Path("exported"))   # a FiftyOneDataset, without the app
        shown.serve("release")                      # until Ctrl-C
        shown.pull("release", Path("tags.csv"))     # what people tagged in the app

The dataset stays in the folder. When it is built again, the tags that people gave stay on what they were given to.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError
from auditor.views.samples import Material
from auditor.views.tags import Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Built", "Material", "Tag", "Views", "opened"]


@dataclass(frozen=True)
class Built:
    """A dataset that was made.

    Attributes:
        samples: how many it has.
        checks: how many checks found something about an item: each has a saved view.
        kept_tags: tags of people that it took over from the dataset before it.
        lost_tags: those whose item or annotation is gone; they are kept until it comes back.
        notes: sentences for the user.
    """

    samples: int
    checks: int
    kept_tags: int
    lost_tags: tuple[Tag, ...]
    notes: tuple[str, ...]


class Views:
    """Datasets in one folder, while its database runs. Use `opened`."""

    def __init__(self, folder: Path, uri: str, progress: Callable[[str, int, int | None], None]) -> None:
        from auditor.views import app

        self.folder = folder
        self._uri = uri
        self._progress = progress
        progress("starting FiftyOne", 0, None)
        self._fo = app.load(uri, folder)

    def close(self) -> None:
        """Leave the database; `opened` does this."""
        from auditor.views import app

        app.leave(self._fo)

    def names(self) -> list[str]:
        """The datasets that are ours."""
        from auditor.views import dataset

        return [name for name in self._fo.list_datasets() if dataset.is_ours(self._fo, name)]

    def build(self, name: str, material: Material) -> Built:
        """Make the dataset `name` of tables, media and findings, in place of an earlier one; tags of people are kept.

        Raises:
            AuditorError: the name belongs to a dataset that is not ours.
            UsageError: FiftyOne takes no such name.
        """
        from auditor.engines import duckdb as engine
        from auditor.views import dataset, samples

        old = dataset.existing(self._fo, name)
        given = dataset.tags(old) if old is not None else []
        con = engine.connect(self.folder)
        try:
            planned = samples.plan(con, material)
            made = samples.make(con, material, planned, self.folder / "cards", given)
            counted = self._counted(made, planned.items)
            count, notes = dataset.build(self._fo, name, planned, counted, material.titles)
        finally:
            con.close()
        new = self.dataset(name)
        placed = set(dataset.placed_tags(new)) if given else set()
        lost = tuple(tag for tag in given if tag not in placed)
        dataset.keep_waiting(new, lost)
        return Built(count, len(planned.severities), len(placed), lost, (*planned.notes, *notes))

    def export(self, name: str, folder: Path) -> int:
        """Write a dataset as a FiftyOneDataset: media, labels, tags and saved views; returns how many samples.

        Raises:
            UsageError: `folder` holds something, or there is no such dataset.
        """
        from auditor.views import dataset

        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder}: there is something here already", "give --export a new folder")
        self._progress("exporting", 0, None)
        return dataset.export(self._fo, self.dataset(name), folder)

    def pull(self, name: str, path: Path) -> tuple[Tag, ...]:
        """Write the tags that people gave in the app to a CSV file (item_id, annotation_id, tag) and return them."""
        from auditor.views import tags

        found = self.tags(name)
        tags.write(path, found)
        return found

    def tags(self, name: str) -> tuple[Tag, ...]:
        """The tags that people gave, also those whose item or annotation is not in the dataset any more."""
        from auditor.views import dataset

        return tuple(sorted(dataset.tags(self.dataset(name))))

    def serve(self, name: str, port: int | None = None, ready: Callable[[str], None] = lambda _url: None) -> None:
        """Serve the app on the loopback until Ctrl-C.

        Args:
            name: the dataset.
            port: the first free one from 5151 when not given.
            ready: called with the URL when it answers.

        Raises:
            AuditorError: the port is taken.
        """
        from auditor.views import app, server

        address = server.url(chosen := server.free_port(port), self.dataset(name).slug)
        self._progress("starting the app", 0, None)
        app.serve(self._fo, self._uri, self.folder, chosen, lambda: ready(address))

    def dataset(self, name: str) -> Any:
        """The FiftyOne dataset.

        Raises:
            UsageError: there is none of this name.
        """
        from auditor.views import dataset

        found = dataset.existing(self._fo, name)
        if found is None:
            known = ", ".join(self.names())
            raise UsageError(
                f"there is no dataset {name!r} in {self.folder}", f"there is {known}" if known else "give sources to make one"
            )
        return found

    def _counted(self, made: Any, total: int) -> Iterator[Any]:
        for number, one in enumerate(made):
            if number % 200 == 0:
                self._progress("loading into FiftyOne", number, total)
            yield one


@contextlib.contextmanager
def opened(
    folder: Path,
    *,
    mongod: Path | None = None,
    share: bool = False,
    progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
) -> Iterator[Views]:
    """Start the folder's database and FiftyOne on it, for as long as the block lasts.

    Args:
        folder: where datasets, cards and the database stay, in clear, for their owner only.
        mongod: the database's program; found when not given.
        share: use the server of another process that has the folder open, instead of refusing.
        progress: called with (what, done, total).

    Raises:
        AuditorError: there is no mongod or no fiftyone, or another process has the folder open.
    """
    from auditor.views import mongod as database

    with database.running(folder, mongod, share=share) as uri:
        shown = Views(database.prepared(folder), uri, progress)
        try:
            yield shown
        finally:
            shown.close()
