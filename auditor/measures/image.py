"""What an image looks like, in a few numbers, from one small decode."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from auditor.media import MAX_PIXELS
from auditor.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import pyarrow as pa
    from PIL import Image

    from auditor.measure import Inputs

MEANING = "perceptual hash, size and light of each image that can be decoded"
SOURCE = "DCT hash: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2.1"
KEY = ("item_id",)
READS = ("item.item_id",)
OPTIONAL = ("item.sha256", "item.media")
MEDIA = True
_NONE = "no file is a readable image"
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "sha256": Column("VARCHAR", "digest of the file"),
    "width": Column(
        "INTEGER", "width in the file, EXIF rotation not applied; NULL where it is no readable image", "pixels", absent=_NONE
    ),
    "height": Column("INTEGER", "height in the file, EXIF rotation not applied", "pixels", absent=_NONE),
    "phash": Column("UBIGINT", "64-bit DCT hash; NULL for images under 32 pixels and for flat ones", absent="no image has a hash"),
    "mean": Column("DOUBLE", "mean brightness", "0..255", absent=_NONE),
    "std": Column("DOUBLE", "standard deviation of brightness", "0..127.5"),
    "entropy": Column("DOUBLE", "entropy of the 256-bin histogram of brightness", "bits, 0..8"),
    "sharpness": Column("DOUBLE", "variance of the Laplacian at 64 x 64", "brightness squared"),
}
SIDE = 64  # every number but the hash is taken at SIDE x SIDE pixels, so that images of different sizes compare
HASH_SIDE = 32  # the DCT's input; images smaller than this have no hash
FLAT_STD = 2.0  # brightness 0..255; below it the hash is made of noise
# JPEGs decode at a reduced scale (`draft`), other files in full: hashes of one picture in both can differ by 2 bits.
_CHUNK = 4096


def _dct_matrix() -> npt.NDArray[np.float64]:
    """The first 8 rows of the orthonormal DCT-II of length HASH_SIDE, shape (8, HASH_SIDE)."""
    k, n = np.arange(8)[:, None], np.arange(HASH_SIDE)[None, :]
    rows = np.cos(np.pi * k * (2 * n + 1) / (2 * HASH_SIDE)) * np.sqrt(2 / HASH_SIDE)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows)


def phash(gray: npt.NDArray[np.uint8]) -> int:
    """The DCT hash of a picture.

    The 8 x 8 lowest frequencies, the constant one set aside, each compared with their median: the picture's brightness and contrast
    do not matter. The constant's bit is always 0.

    Args:
        gray: brightness 0..255, shape (SIDE, SIDE).

    Returns:
        64 bits, 0..2**64 - 1.

    >>> ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    >>> phash(ramp) == phash(ramp * 2 + 20), phash(ramp) == phash(ramp[:, ::-1])
    (True, False)
    """
    step = SIDE // HASH_SIDE
    small = gray.reshape(HASH_SIDE, step, HASH_SIDE, step).mean(axis=(1, 3))
    basis = _dct_matrix()
    low = np.round((basis @ small @ basis.T).ravel(), 6)  # the rounding makes exact zeros of noise in the last bits
    bits = low > np.median(low[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def small_gray(path: str) -> tuple[int, int, npt.NDArray[np.uint8] | None]:
    """Decode an image small.

    Args:
        path: absolute path of the file.

    Returns:
        Width and height in the file, and brightness of shape (SIDE, SIDE); None in its place for more than `MAX_PIXELS` pixels.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded; Pillow raises these and more for broken files.
    """
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images; we have our own bound
        with Image.open(path) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return width, height, None
            image.draft("L", (SIDE, SIDE))
            if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
                gray = _stretched(np.asarray(image, dtype=np.float64))
            elif image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
                # Transparent pixels show the white of a page, not whatever colour is stored under them.
                clear = image.convert("RGBA")
                gray = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("L")
            else:
                gray = image.convert("L")
            return width, height, np.asarray(gray.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint8)


def _stretched(values: npt.NDArray[np.float64]) -> Image.Image:
    """A deep picture (16 or 32 bits) as 8 bits, from its darkest to its lightest value."""
    from PIL import Image

    finite = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    scale = 255 / (high - low) if high > low else 0.0
    return Image.fromarray(((finite - low) * scale).astype(np.uint8))


def decoded(
    files: Sequence[tuple[str, str]], progress: Callable[[str, int, int | None], None], what: str
) -> list[tuple[int | None, int | None, npt.NDArray[np.uint8] | None]]:
    """`small_gray` of each (item_id, path), by threads.

    A file that is no readable image gives (None, None, None), never an exception.
    """
    rows = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(files), _CHUNK):  # in chunks, so that futures do not pile up
            for row in pool.map(_tried, (path for _, path in files[start : start + _CHUNK])):
                rows.append(row)
                progress(what, len(rows), len(files))
    return rows


def _tried(path: str) -> tuple[int | None, int | None, npt.NDArray[np.uint8] | None]:
    try:
        return small_gray(path)
    except Exception:  # noqa: BLE001  # decoders of hostile files raise anything; intake already names the unreadable ones
        return None, None, None


def numbers(gray: npt.NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Mean, standard deviation, entropy (bits) and variance of the Laplacian of brightness, shape (SIDE, SIDE).

    >>> numbers(np.full((64, 64), 7, dtype=np.uint8))
    (7.0, 0.0, 0.0, 0.0)
    """
    values = gray.astype(np.float64)
    counts = np.bincount(gray.ravel(), minlength=256)
    share = counts[counts > 0] / gray.size
    entropy = float(np.sum(share * np.log2(1 / share)))
    inner = 4 * values[1:-1, 1:-1] - values[:-2, 1:-1] - values[2:, 1:-1] - values[1:-1, :-2] - values[1:-1, 2:]
    return float(values.mean()), float(values.std()), entropy, float(inner.var())


def compute(inputs: Inputs) -> pa.Table:
    """One row per item with a located image.

    Args:
        inputs: tables and media.

    Returns:
        Arrow with `COLUMNS`; a file that cannot be decoded, or is too large to, has NULL where numbers would be.
    """
    import pyarrow as pa

    if inputs.media is None:
        raise ValueError("the session runs a measure with MEDIA only where media are located")
    files = inputs.con.execute(
        "SELECT m.item_id, m.path, i.sha256 FROM read_parquet([$media]) AS m JOIN item AS i USING (item_id) "
        "WHERE coalesce(i.media, 'image') = 'image' ORDER BY m.item_id",
        {"media": str(inputs.media)},
    ).fetchall()
    table: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for start in range(0, len(files), _CHUNK):
        part = files[start : start + _CHUNK]

        def shifted(what: str, done: int, _total: int | None, start: int = start) -> None:
            inputs.progress(what, start + done, len(files))

        for (item_id, _, sha256), (width, height, gray) in zip(
            part, decoded([f[:2] for f in part], shifted, "hashing images"), strict=True
        ):
            mean = std = entropy = sharpness = code = None
            if gray is not None and width is not None and height is not None:
                mean, std, entropy, sharpness = numbers(gray)
                if min(width, height) >= HASH_SIDE and std >= FLAT_STD:
                    code = phash(gray)
            for name, value in zip(COLUMNS, (item_id, sha256, width, height, code, mean, std, entropy, sharpness), strict=True):
                table[name].append(value)
    kinds = {"VARCHAR": pa.string(), "INTEGER": pa.int32(), "UBIGINT": pa.uint64(), "DOUBLE": pa.float64()}
    return pa.table({name: pa.array(values, kinds[COLUMNS[name].type]) for name, values in table.items()})
