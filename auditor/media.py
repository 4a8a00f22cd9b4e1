"""Media files: where an item's file is, its digest, size and dimensions, and whether an image can be decoded to its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.files import inside, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa
    from PIL import Image

KINDS = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"), "image"),
    **dict.fromkeys((".wav", ".mp3", ".flac", ".ogg", ".m4a", ".opus"), "audio"),
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv", ".webm"), "video"),
    **dict.fromkeys((".txt",), "text"),
}
# An image whose header claims more is a decompression bomb until somebody says otherwise.
MAX_PIXELS = 500_000_000
# Larger ones (about what Pillow warns of) are judged by their headers: to decode them takes gigabytes.
MAX_DECODED = 90_000_000


def kind(name: str) -> str | None:
    """The kind of medium that a file name promises, or None.

    >>> kind("a/B.JPG")
    'image'
    """
    return KINDS.get(Path(name).suffix.lower())


def locate(root: Path, items: Iterable[tuple[str, str | None]]) -> tuple[pa.Table, list[str]]:
    """Find each item's file under `root`: by its uri, else by its id, else by the uri's last part if that is unique.

    Args:
        root: the media folder.
        items: (item_id, uri or None).

    Returns:
        Arrow (item_id, path) of those found, and the ids of those that name a file which is not there.

    Raises:
        InputError: `root` is no folder, or an item's uri points outside it.
    """
    import pyarrow as pa

    if not root.is_dir():
        raise InputError(root, "", "the media folder does not exist", "give --media an existing folder")
    by_name: dict[str, str | None] = {}
    for directory, _, names in os.walk(root):
        for name in names:
            by_name[name] = None if name in by_name else str(Path(directory) / name)
    found: list[tuple[str, str]] = []
    missing: list[str] = []
    for item_id, uri in items:
        wanted = uri or item_id
        remote = "://" in wanted
        path = None if remote else inside(root, wanted)
        if path is None and not remote and (uri or "/" in wanted):
            raise InputError(
                root,
                f"item {item_id!r}",
                f"its uri {wanted!r} points outside the media folder",
                "correct the uri, or give a --media folder that holds it",
            )
        if path is not None and path.is_file():
            found.append((item_id, str(path)))
        elif (same_name := by_name.get(wanted.rsplit("/", 1)[-1])) is not None and _reachable(root, same_name):
            found.append((item_id, same_name))
        elif uri and not remote:
            missing.append(item_id)
    return pa.table(
        {"item_id": pa.array([f[0] for f in found], pa.string()), "path": pa.array([f[1] for f in found], pa.string())}
    ), missing


def _reachable(root: Path, name: str) -> bool:
    """Whether it is a plain file inside `root`: a pipe or a device would be waited for without end."""
    return inside(root, os.path.relpath(name, root)) is not None and Path(name).is_file()


def facts(
    files: Sequence[tuple[str, str]], progress: Callable[[str, int, int | None], None]
) -> tuple[pa.Table, list[tuple[str, str, str]]]:
    """Digest, size and dimensions of each file.

    Args:
        files: (item_id, absolute path).
        progress: called with what, done, total.

    Returns:
        Arrow (item_id, media, sha256, bytes, width, height, duration), and (item_id, file name, why) of those that are not
        readable images.
    """
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow as pa

    schema = pa.schema(
        [("item_id", pa.string()), ("media", pa.string()), ("sha256", pa.string()), ("bytes", pa.int64()),
         ("width", pa.int32()), ("height", pa.int32()), ("duration", pa.float64())]
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    broken: list[tuple[str, str, str]] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done, (row, problem) in enumerate(pool.map(_fact, files), 1):
            rows.append(row)
            if problem:
                broken.append((row["item_id"], Path(files[done - 1][1]).name, problem))
            progress("reading media", done, len(files))
    return pa.Table.from_pylist(rows, schema=schema), broken


def _fact(file: tuple[str, str]) -> tuple[dict[str, Any], str]:
    item_id, name = file
    path = Path(name)
    row: dict[str, Any] = {"item_id": item_id, "media": kind(name)}
    try:
        if not path.is_file():
            return row, "the file cannot be read: it is no plain file"
        row |= {"sha256": sha256_file(path), "bytes": path.stat().st_size}
        if row["media"] == "image":
            row["width"], row["height"] = image_size(path)
        elif path.suffix.lower() == ".wav":
            row["duration"] = _wav_seconds(path)
    except _TooLargeError as error:
        return row, f"the file cannot be read: {error}"
    except Exception as error:  # noqa: BLE001  # decoders of hostile files raise anything, and one file must not end the audit
        return row, f"the file cannot be read: {type(error).__name__}"
    return row, ""


class _TooLargeError(ValueError):
    """An image that claims more pixels than anybody should decode."""


def image_size(path: Path) -> tuple[int, int]:
    """Width and height from an image's header, as displayed (EXIF orientation applied by nobody: coordinates are stored so).

    Raises:
        ValueError: it claims more than `MAX_PIXELS` pixels.
        OSError: it is no image that Pillow knows, or it is cut off.
    """
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images; we have our own bound
        try:
            with Image.open(path) as image:
                width, height = image.size
                if width * height <= MAX_DECODED:
                    _decode(image)
        except Image.DecompressionBombError as error:
            raise _TooLargeError("its header claims too many pixels") from error
    if width * height > MAX_PIXELS:
        raise _TooLargeError("its header claims too many pixels")
    return width, height


def _decode(image: Image.Image) -> None:
    """Raise what Pillow raises if the image cannot be read to its end, the cheap way where a format has one."""
    if image.format == "PNG":
        image.verify()  # checksums of all parts, without unpacking them
    else:
        image.draft("L", (1, 1))  # a JPEG is read to its end, but its pixels are computed at an eighth of the size
        image.load()


def _wav_seconds(path: Path) -> float:
    import wave

    try:
        with wave.open(str(path), "rb") as sound:
            return sound.getnframes() / sound.getframerate()
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise ValueError("not a PCM WAV file") from error
