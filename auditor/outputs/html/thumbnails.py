"""Thumbnails: each item's picture once, as a data URI that all its findings share, sized so that the page keeps its limit."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.media import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection
    from PIL import Image

MAX_ITEMS = 150
# Longest side in pixels and WebP quality, the best first: a page with few pictures shows them large.
LADDER = ((480, 78), (360, 70), (280, 60), (200, 55), (160, 42), (128, 32), (96, 24))
# Smaller images are shown as they are, each pixel a square.
PIXELATED = 64
# A file that decodes to more than this in full is not opened for a thumbnail.
MAX_DECODED = 64_000_000


@dataclass(frozen=True)
class Picture:
    """An item's picture.

    Attributes:
        symbol: the id under which the page holds it.
        width: of the file, in pixels, as annotations count them.
        height: likewise.
        pixelated: small enough to show its pixels.
    """

    symbol: str
    width: int
    height: int
    pixelated: bool
    _small: Image.Image = field(repr=False, compare=False)


@dataclass(frozen=True)
class Encoded:
    """A picture as the page holds it; `href` is "" where no room was left."""

    symbol: str
    width: int
    height: int
    pixelated: bool
    href: str


def load(con: Connection, media: Path | None, item_ids: Iterable[str]) -> dict[str, Picture]:
    """Item -> picture, for the first `MAX_ITEMS` of `item_ids` whose file is an image that can be read.

    Args:
        con: any connection.
        media: Parquet (item_id, path), or None.
        item_ids: most important first.
    """
    wanted = list(dict.fromkeys(item_ids))
    if media is None or not wanted:
        return {}
    paths = dict(
        con.execute(
            "SELECT item_id, path FROM read_parquet([$media]) WHERE item_id IN (SELECT unnest($wanted))",
            {"media": str(media), "wanted": wanted},
        ).fetchall()
    )
    pictures: dict[str, Picture] = {}
    for item_id in wanted:
        if len(pictures) == MAX_ITEMS:
            break
        if item_id in paths and (picture := _read(f"i{len(pictures)}", paths[item_id])) is not None:
            pictures[item_id] = picture
    return pictures


def _read(symbol: str, path: str) -> Picture | None:
    from PIL import Image

    side = LADDER[0][0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and odd images; those we cannot show are left out
            with Image.open(path) as image:
                width, height = image.size
                if not 0 < width * height <= MAX_PIXELS:
                    return None
                image.draft("RGB", (side, side))
                if image.size[0] * image.size[1] > MAX_DECODED:
                    return None
                small = _shown(image)
                small.thumbnail((side, side), Image.Resampling.LANCZOS)
    except Exception:  # noqa: BLE001  # decoders of hostile files raise anything; the finding is shown without its picture
        return None
    return Picture(symbol, width, height, max(width, height) <= PIXELATED, small)


def _shown(image: Image.Image) -> Image.Image:
    """The image in 8-bit colours on white."""
    import numpy as np
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(((values - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return image.convert("RGB")


def encode(pictures: Iterable[Picture], budget: int) -> list[Encoded]:
    """The pictures as data URIs of `budget` characters together, as good as that allows; the last ones go without if need be."""
    given = list(pictures)
    made: list[str] = []
    for side, quality in LADDER:
        made = [_uri(picture, side, quality) for picture in given]
        if sum(map(len, made)) <= budget:
            break
    left = budget
    encoded = []
    for picture, uri in zip(given, made, strict=True):
        href = uri if len(uri) <= left else ""
        left -= len(href)
        encoded.append(Encoded(picture.symbol, picture.width, picture.height, picture.pixelated, href))
    return encoded


def _uri(picture: Picture, side: int, quality: int) -> str:
    from PIL import Image

    small: Any = picture._small  # noqa: SLF001  # kept out of the page's data on purpose
    stream = io.BytesIO()
    if picture.pixelated:
        small.save(stream, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    if max(small.size) > side:
        small = small.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
    small.save(stream, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
