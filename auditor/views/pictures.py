"""What an item is shown as: its own image or video, or a card in its place."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.media import MAX_PIXELS, image_size, kind
from auditor.views import cards
from auditor.views.labels import Canvas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.views.fields import Field

Placed = tuple["Mapping[str, Any]", "Field | None"]
# Where neither frames nor duration say it, frames per second of a video.
USUAL_FPS = 30.0
# Images that browsers do not show are converted, to at most so many pixels a side.
_NOT_SHOWN_BY_BROWSERS = (".tif", ".tiff")
_CONVERTED = 2_048
_MIME = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".avi": "video/x-msvideo",
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A sample's file, whether it is an image or a video, FiftyOne's metadata of it, and what labels are drawn on."""

    path: str
    media: str
    metadata: dict[str, Any]
    canvas: Canvas


def of_item(item: Mapping[str, Any], placed: Sequence[Placed], folder: Path, *, video: bool) -> Picture:
    """The picture of an item.

    Args:
        item: a row of the table item, with `path`.
        placed: its annotations and the fields they go to.
        folder: where cards and converted images go.
        video: the dataset's samples are videos.
    """
    if video:
        return _video(item, folder)
    path = item["path"]
    note = ""
    if path is not None and kind(path) == "image":
        found = _image(item, path, folder)
        if found is not None:
            return found
        note = "its image cannot be read"
    return _card(item, placed, folder, note)


def _image(item: Mapping[str, Any], path: str, folder: Path) -> Picture | None:
    width, height, shown = item["width"], item["height"], path
    if not width or not height:
        try:
            width, height = image_size(Path(path))
        except (OSError, ValueError, SyntaxError):
            return None
    suffix = path[path.rfind(".") :].lower()
    if suffix in _NOT_SHOWN_BY_BROWSERS:
        made = _converted(Path(path), folder)
        if made is None:
            return None
        shown, suffix = str(made), ".png"
    metadata = {"_cls": "ImageMetadata", "width": width, "height": height}
    if suffix in _MIME:
        metadata["mime_type"] = _MIME[suffix]
    if item["bytes"] is not None and shown is path:
        metadata["size_bytes"] = item["bytes"]
    return Picture(shown, "image", metadata, Canvas(width, height))


def _converted(path: Path, folder: Path) -> Path | None:
    """The image as PNG, made once for each state of the file."""
    from PIL import Image

    try:
        state = path.stat()
        name = hashlib.sha256(f"{path}\0{state.st_size}\0{state.st_mtime_ns}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        made = folder / name[:2] / f"{name}.png"
        if made.is_file():
            return made
        made.parent.mkdir(parents=True, exist_ok=True)
        temporary = made.with_suffix(f".{os.getpid()}.tmp")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and odd images; those it cannot read become cards
            with Image.open(path) as image:
                if not 0 < image.size[0] * image.size[1] <= MAX_PIXELS:
                    return None
                image.thumbnail((_CONVERTED, _CONVERTED))
                image.convert("RGB").save(temporary, "PNG", compress_level=3)
        temporary.replace(made)
    except Exception:  # noqa: BLE001  # decoders of hostile files raise anything; the item gets a card
        return None
    return made


def _video(item: Mapping[str, Any], folder: Path) -> Picture:
    frames, seconds = item["frames"], item["duration"]
    fps = frames / seconds if frames and seconds and math.isfinite(seconds) else USUAL_FPS
    path = (
        item["path"]
        or str(folder / "missing" / hashlib.sha256(item["item_id"].encode("utf-8", "surrogatepass")).hexdigest()[:16]) + ".mp4"
    )
    metadata = {"_cls": "VideoMetadata", "frame_width": item["width"], "frame_height": item["height"], "frame_rate": fps,
                "total_frame_count": frames, "duration": seconds, "size_bytes": item["bytes"],
                "mime_type": _MIME.get(path[path.rfind("."):].lower())}  # fmt: skip
    canvas = Canvas(item["width"] or 0, item["height"] or 0, fps=fps, frames=frames or 0)
    return Picture(path, "video", {k: v for k, v in metadata.items() if v is not None}, canvas)


def _card(item: Mapping[str, Any], placed: Sequence[Placed], folder: Path, note: str) -> Picture:
    lanes = cards.names(sorted({field.name for _, field in placed if field is not None and field.kind == "segment"}))
    seconds = _length(item, placed) if lanes else 0.0
    lanes = lanes if seconds else ()
    drawn = any(field is not None and field.kind in {"box", "polygon", "keypoints"} for _, field in placed)
    size = _size(item, placed) if item["media"] == "image" or drawn else None
    media = item["media"] or ""
    if item["text"] is None and not lanes:
        note = note or (f"no {media} file was found" if media in {"image", "video", "audio"} else "nothing to show of it")
    laid = cards.lay(cards.Card(item["item_id"], note or media, item["text"], lanes, seconds, size))
    path = cards.write(laid, folder)
    metadata = {"_cls": "ImageMetadata", "width": laid.width, "height": laid.height, "mime_type": "image/png"}
    return Picture(str(path), "image", metadata, Canvas(*(size or (0, 0)), card=laid))


def _length(item: Mapping[str, Any], placed: Sequence[Placed]) -> float:
    ends = [row["end_s"] for row, _ in placed if row["end_s"] is not None and math.isfinite(row["end_s"])]
    known = item["duration"]
    length = known if known is not None and math.isfinite(known) and known > 0 else max(ends, default=0.0)
    return float(length) if 0 < length < 1e9 else 0.0


def _size(item: Mapping[str, Any], placed: Sequence[Placed]) -> tuple[int, int]:
    """The image's size as it is known, else one that holds the annotations."""
    if item["width"] and item["height"] and item["width"] * item["height"] > 0 and max(item["width"], item["height"]) < 1e6:
        return item["width"], item["height"]
    across, down = [], []
    for row, _ in placed:
        across += [(row["x"] or 0) + (row["w"] or 0), *(value for ring in row["polygon"] or [] for value in ring[0::2])]
        down += [(row["y"] or 0) + (row["h"] or 0), *(value for ring in row["polygon"] or [] for value in ring[1::2])]
        across += [point["x"] for point in row["keypoints"] or [] if point]
        down += [point["y"] for point in row["keypoints"] or [] if point]
        if row["mask"]:
            across.append(row["mask"]["width"])
            down.append(row["mask"]["height"])
    right, bottom = (
        max((value for value in values if value is not None and math.isfinite(value)), default=0) for values in (across, down)
    )
    if not (0 < right < 1e6 and 0 < bottom < 1e6):
        return 640, 480
    return math.ceil(right), math.ceil(bottom)
