"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.formats import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.api import Request
    from auditor.stage import Source

EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_Command = TypeVar("_Command", bound="Callable[..., Any]")


def _mapping(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair for value in values for pair in value.split(",") if pair]
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not column=source_column")
    found: dict[str, str] = {}
    for left, _, right in (pair.partition("=") for pair in pairs):
        if found.setdefault(left.strip(), right.strip()) != right.strip():
            raise click.BadParameter(f"{left.strip()} is given twice: {found[left.strip()]} and {right.strip()}")
    return found


def reading(command: _Command) -> _Command:
    """The options that say how sources are read."""
    for option in reversed(_READING):
        command = option(command)
    return command


_READING = (
    click.option(
        "--map",
        "mapping",
        multiple=True,
        callback=_mapping,
        metavar="COLUMN=SOURCE,…",
        help="Which source column is which: item_id=question,annotator.gender=sex.",
    ),
    click.option("--gold", type=FILE, help="A table of true labels."),
    click.option("--predictions", type=FILE, help="A model's probabilities: .npy, or a table."),
    click.option("--classes", type=FILE, help="Class names, one a line."),
    click.option("--media", type=FOLDER, help="The folder with the items' files; checks of pixels need it."),
    click.option(
        "--format",
        "format_name",
        default="",
        metavar="NAME",
        help=f"The sources' format, detected when not given: {', '.join(NAMES)}.",
    ),
)


def given_sources(sources: tuple[Path, ...], **options: Any) -> tuple[Source, ...]:
    """The sources as the options describe them; gold labels and predictions go with the first."""
    from auditor.stage import Source

    return tuple(
        Source(
            path, options["format_name"], options["mapping"], classes=options["classes"], media=options["media"],
            gold=options["gold"] if number == 0 else None, predictions=options["predictions"] if number == 0 else None,
        )
        for number, path in enumerate(sources)
    )  # fmt: skip


def request(sources: tuple[Path, ...], **options: Any) -> Request:
    """What `auditor audit` is asked to do."""
    from auditor import settings
    from auditor.api import Request

    config = options["config"] or (Path("auditor.toml") if Path("auditor.toml").is_file() else None)
    chosen = settings.load(config) if config else settings.Settings()
    if options["link"]:
        chosen = settings.with_link(chosen, options["link"])
    more = {"as_of": options["as_of"].date()} if options["as_of"] else {}
    given = given_sources(sources, **options)
    return Request(
        given, options["out"], media=options["media"], checks=options["checks"], only=options["only"], settings=chosen,
        policy=options["policy"], key_file=options["key_file"], audience=options["audience"], **more,
    )  # fmt: skip
