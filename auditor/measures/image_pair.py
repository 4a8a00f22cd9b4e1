"""Pairs of images that may show the same picture: the perceptual hash proposes, the pixels give the measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures.image import decoded
from auditor.tables import Column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "pairs of images whose perceptual hashes differ by 5 bits or less, with the difference of their pixels"
SOURCE = "search by parts of the hash: Norouzi, Punjani, Fleet, Fast Search in Hamming Space with Multi-Index Hashing, CVPR 2012"
KEY = ("item_a", "item_b")
SPARSE = True
READS = ("item.item_id", "image")
MEDIA = True
COLUMNS = {
    "item_a": Column("VARCHAR", "one image; its id sorts before the other's"),
    "item_b": Column("VARCHAR", "the other image"),
    "hamming": Column("INTEGER", "bits in which the hashes differ", "0..5"),
    "pixel_distance": Column(
        "DOUBLE", "mean absolute difference of brightness at 64 x 64, both brought to mean 0 and deviation 1", "0..2"
    ),
    "block_distance": Column(
        "DOUBLE", "largest difference of the means of one of 8 x 8 blocks, in deviations of brightness", "0.."
    ),
    "correlation": Column("DOUBLE", "correlation of brightness at 64 x 64", "-1..1"),
}
MAX_HAMMING = 5
# Many copies of one scene (frames of a video) would give quadratically many pairs: each image keeps its nearest.
NEAREST = 20
# Three parts of 22, 21 and 21 bits. Two hashes that differ by 5 bits at most differ by 1 at most in one of the parts (5 // 3), so
# the search for each part's value and its one-bit neighbours misses none. Four parts of 16 bits without neighbours would miss at 4.
_PARTS = ((0, 22), (22, 21), (43, 21))
_PART = " UNION ALL ".join(
    f"SELECT n, phash, {nth} AS part, (phash >> {shift}) & {(1 << bits) - 1} AS code FROM hashed"
    for nth, (shift, bits) in enumerate(_PARTS)
)
_NEIGHBOUR = " UNION ALL ".join(
    f"SELECT n, phash, part, xor(code, CAST(1 << bit AS UBIGINT)) FROM part, range({bits}) AS b(bit) WHERE part = {nth}"
    for nth, (_, bits) in enumerate(_PARTS)
)
# Files with the same digest are one picture here: the first of them stands for all (`duplicate_content` holds the copies).
PAIRS = f"""
WITH hashed AS MATERIALIZED (
  SELECT min(item_id) AS item_id, any_value(phash) AS phash, row_number() OVER (ORDER BY min(item_id)) AS n
  FROM (SELECT item_id, phash, coalesce(sha256, item_id) AS picture FROM image WHERE phash IS NOT NULL) GROUP BY picture
), part AS (
  {_PART}
), probe AS (
  SELECT n, phash, part, code FROM part
  UNION ALL
  {_NEIGHBOUR}
), near AS (
  SELECT DISTINCT p.n AS a, q.n AS b, CAST(bit_count(xor(p.phash, q.phash)) AS INTEGER) AS hamming
  FROM part AS p JOIN probe AS q ON p.part = q.part AND p.code = q.code AND p.n < q.n
    AND bit_count(xor(p.phash, q.phash)) <= {MAX_HAMMING}
)
SELECT x.item_id AS item_a, y.item_id AS item_b, hamming
FROM near JOIN hashed AS x ON x.n = a JOIN hashed AS y ON y.n = b
"""
_BATCH = 2048  # pairs whose pixels are held at once: 2 x 2,048 x 4 KB


def pixel_distance(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> tuple[float, float, float]:
    """How far apart two pictures are, brightness and contrast set aside.

    Copies differ a little everywhere, different pictures much somewhere: handwritten digits of one class reach the mean distance
    and the correlation of two shots of one scene, and are told from them by their worst block.

    Args:
        a: brightness, shape (64, 64), not flat.
        b: the same of the other picture.

    Returns:
        Mean absolute difference of the standardised pictures (0..2), the largest absolute difference of the means of one of
        their 8 x 8 blocks (0..), and their correlation (-1..1).

    >>> ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    >>> pixel_distance(ramp, ramp * 2 + 20)
    (0.0, 0.0, 1.0)
    """
    p, q = _standard(a), _standard(b)
    blocks = (p - q).reshape(8, 8, 8, 8).mean(axis=(1, 3))
    # rounded where threads and vector units may differ in the last bits
    return round(float(np.abs(p - q).mean()), 9), round(float(np.abs(blocks).max()), 9), round(float((p * q).mean()), 9)


def _standard(gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    values = gray.astype(np.float64)
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread or 1.0))


def compute(inputs: Inputs) -> pa.Table:
    """Pairs proposed by the hash, each with what its pixels say.

    Args:
        inputs: tables, the measure `image` and media.

    Returns:
        Arrow with `COLUMNS`; at most `NEAREST` pairs start at one image. A pair whose files can no longer be decoded is left out.
    """
    import pyarrow as pa

    if inputs.media is None:
        raise ValueError("the session runs a measure with MEDIA only where media are located")
    pairs = inputs.con.execute(
        f"SELECT item_a, item_b, hamming, m.path, o.path FROM ({PAIRS}) "
        "JOIN read_parquet([$media]) AS m ON m.item_id = item_a JOIN read_parquet([$media]) AS o ON o.item_id = item_b "
        f"QUALIFY row_number() OVER (PARTITION BY item_a ORDER BY hamming, item_b) <= {NEAREST} ORDER BY item_a, item_b",
        {"media": str(inputs.media)},
    ).fetchall()
    rows: list[tuple[str, str, int, float, float, float]] = []
    for start in range(0, len(pairs), _BATCH):
        part = pairs[start : start + _BATCH]
        paths = sorted({path for pair in part for path in pair[3:]})
        grays = decoded([("", path) for path in paths], lambda _what, _done, _total: None, "")
        picture = {path: gray for path, (_, _, gray) in zip(paths, grays, strict=True) if gray is not None}
        for item_a, item_b, hamming, path_a, path_b in part:
            if path_a in picture and path_b in picture:
                rows.append((item_a, item_b, hamming, *pixel_distance(picture[path_a], picture[path_b])))
        inputs.progress("comparing images", start + len(part), len(pairs))
    kinds = (pa.string(), pa.string(), pa.int32(), pa.float64(), pa.float64(), pa.float64())
    columns = list(zip(*rows, strict=True)) or [() for _ in kinds]
    return pa.table({name: pa.array(values, kind) for name, values, kind in zip(COLUMNS, columns, kinds, strict=True)})
