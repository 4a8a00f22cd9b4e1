"""Where the images of a COCO file are: beside it in one of the usual layouts, or in the media folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.files import inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.stage import Source, Stage


def add(stage: Stage, source: Source, file: Path, number: int, split_of: Callable[[str], str | None]) -> None:
    """Look for the images of the file of this number in `coco_item` and put those found on the stage.

    Raises:
        InputError: a file name points outside the folder.
    """
    import pyarrow as pa

    root = source.path if source.path.is_dir() and source.path.name != "annotations" else file.parent
    root = root.parent if root.name == "annotations" else root
    home = source.media or root
    rows = stage.con.execute(
        "SELECT item_id, file_name FROM coco_item WHERE file = ? AND item_id IS NOT NULL AND file_name IS NOT NULL ORDER BY nth",
        [number],
    ).fetchall()
    wild = [(item, name) for item, name in rows if "://" not in name and not _plain(name)]
    for item, name in wild:
        if (
            inside(home, name) is None
            and inside(home, os.path.relpath(file.parent / name, home) if "\0" not in name else name) is None
        ):
            where = f"image {item!r}"
            raise InputError(
                file, where, f"its file name {name!r} points outside the folder", "make file names relative to the image folder"
            )
    if not home.is_dir():
        return
    home = home.absolute()
    folders = list(_folders(home, file.absolute(), split_of))
    listed: dict[str, dict[str, bool]] = {}
    for folder in folders:
        listed[str(folder)] = _list(home, str(folder))
    there = frozenset().union(*listed.values())
    found = {
        item: path
        for item, name in rows
        # A bare name that no folder lists needs no look at each of them: there may be a million.
        if (name in there or "/" in name) and "://" not in name and (path := _find(home, folders, name, listed))
    }
    text = pa.string()
    if not found:
        return
    stage.add_media(pa.table({"item_id": pa.array(list(found), text), "path": pa.array(list(found.values()), text)}))
    lost = list(dict.fromkeys(item for item, name in rows if item not in found and "://" not in name))
    if source.media is None and lost:
        columns = {"item_id": pa.array(lost, text)}
        columns |= {key: pa.array([value] * len(lost), text) for key, value in _MISSING.items()}
        stage.add("intake", pa.table(columns))


_MISSING = {"problem": "missing_media", "of": "item", "detail": "no file for it beside the annotations"}


def _plain(name: str) -> bool:
    """Whether a name cannot leave its folder by itself."""
    return "\0" not in name and not name.startswith("/") and (".." not in name or ".." not in PurePosixPath(name).parts)


def _folders(home: Path, file: Path, split_of: Callable[[str], str | None]) -> Iterator[Path]:
    """Folders in which names may stand, the likeliest first: those named after the file's split, then the general ones."""
    split = split_of(file.stem) or split_of(file.parent.name)
    for base in (home / "images", home):
        if split and base.is_dir():
            yield from sorted(
                (entry for entry in base.iterdir() if entry.is_dir() and split_of(entry.name) == split),
                key=lambda entry: (not file.stem.endswith(entry.name), entry.name),
            )
    yield home / "images"
    if file.parent.resolve().is_relative_to(home.resolve()):
        yield file.parent
    yield home


def _find(home: Path, folders: list[Path], name: str, listed: dict[str, dict[str, bool]]) -> str | None:
    """The absolute path of a name; links are followed only within `home`. Folders are listed once (`listed`: name -> is a link)."""
    below, _, last = name.rpartition("/")
    for folder in folders:
        holder = f"{folder}/{below}" if below else str(folder)
        if holder not in listed:
            listed[holder] = _list(home, holder)
        link = listed[holder].get(last) if _plain(name) else True
        if link is False:
            return f"{holder}/{last}"
        if link and (safe := inside(home, os.path.relpath(folder / name, home))) is not None and safe.is_file():
            return str(safe)
    return None


def _list(home: Path, holder: str) -> dict[str, bool]:
    try:
        if not Path(holder).resolve().is_relative_to(home.resolve()):
            return {}
        with os.scandir(holder) as entries:
            return {entry.name: entry.is_symlink() for entry in entries if entry.is_symlink() or entry.is_file()}
    except (OSError, ValueError):
        return {}
