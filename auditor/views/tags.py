"""Tags: ours say which check found something; everything else was given by people in the app and comes back."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# Before a check's id in a tag of ours.
PREFIX = "found:"
HEADER = ("item_id", "annotation_id", "tag")


@dataclass(frozen=True, order=True)
class Tag:
    """A tag that a person gave an item (annotation_id "") or one of its annotations."""

    item_id: str
    annotation_id: str
    tag: str


def given(tags: Iterable[str]) -> list[str]:
    """Those that a person gave.

    >>> given(["found:outlier/box_size", "look again"])
    ['look again']
    """
    return [tag for tag in tags if not tag.startswith(PREFIX)]


def by_thing(tags: Iterable[Tag]) -> dict[tuple[str, str], list[str]]:
    """(item_id, annotation_id or "") -> tags."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in tags:
        found.setdefault((one.item_id, one.annotation_id), []).append(one.tag)
    return found


def write(path: Path, tags: Iterable[Tag]) -> None:
    """Write tags as CSV (item_id, annotation_id, tag), all or nothing.

    Ids and tags stand as they are, since another program reads them back; `auditor.outputs.csv` is for spreadsheets.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows((one.item_id, one.annotation_id, one.tag) for one in sorted(tags))


def counts(tags: Iterable[Tag]) -> Mapping[str, int]:
    """Tag -> how often it was given, most often first."""
    found: dict[str, int] = {}
    for one in tags:
        found[one.tag] = found.get(one.tag, 0) + 1
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))
