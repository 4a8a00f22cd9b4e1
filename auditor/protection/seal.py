"""Sealed cells: what a column's values look like when only those who hold the column's key can read them.

    cell key = HMAC-SHA256(column key, lp("label-auditor/cell-key/v1", dataset, column, epoch))
    cell     = version (1 byte) · epoch (2 bytes) · AES-256-GCM-SIV(cell key, nonce 0, pad(value), aad)
    aad      = lp(format, dataset, column, row id, subject tag, epoch)

- A cell is bound to its place: moved to another row, column, dataset or epoch it does not open.
- Sealing is deterministic, so an unchanged cell keeps its bytes and versions can be compared; AES-GCM-SIV (RFC 8452)
  is made for that.
  The row id in the aad makes equal values of different rows look different.
- NULLs are sealed like values. All cells of a number column, and all of an enumeration, have one length; texts fall
  into buckets that double.
- AES-GCM-SIV does not commit to its key: the key's `commitment` is compared after it was unwrapped, before anything is
  opened with it.

A subject's key is the second factor, from which a subject's cell keys will be derived; columns without a subject use
the column key alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from auditor.errors import AuditorError, InputError
from auditor.protection import encoding
from auditor.protection.framing import lp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

FORMAT = "label-auditor/cell/v1"
KEY_BYTES = 32
LAST_EPOCH = 0xFFFF
_VERSION = 1
_NONCE = bytes(12)  # One key, one nonce: what differs is the aad, and GCM-SIV makes its own nonce of everything it is given.
_MARK = b"\x80"  # Ends the value in its padding (ISO/IEC 7816-4).
_NUMBER = 16  # bytes: code, at most 8 of value, and the mark
_SMALLEST = 32  # bytes of the first bucket
# A column is an enumeration up to so many distinct values, if none is longer: one width then costs little.
ENUMERATION = 256
ENUMERATION_BYTES = 255


@dataclass(frozen=True)
class Place:
    """Where a column key is used: it opens nothing elsewhere.

    Attributes:
        dataset: the dataset's name.
        column: the field, such as "annotator.attributes.gender".
        epoch: 1 to 65535; another key, another epoch.
    """

    dataset: str
    column: str
    epoch: int

    def framed(self, label: str) -> bytes:
        """The place as bytes, under a label that says what they are for."""
        return lp(label.encode(), self.dataset.encode(), self.column.encode(), self.epoch.to_bytes(2, "big"))


@dataclass(frozen=True)
class Padding:
    """How lengths are hidden.

    Attributes:
        kind: "one" width for all cells, or "buckets" that double.
        width: of every cell; of a NULL where there are buckets: the commonest, so that a NULL looks like most texts.
    """

    kind: Literal["one", "buckets"]
    width: int

    def fits(self, lengths: Iterable[int]) -> bool:
        """Whether encodings of these lengths can be padded so, without a cell that stands out."""
        return self.kind == "buckets" or max(lengths, default=0) < self.width


def new_key() -> bytes:
    """A column key: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def commitment(key: bytes, place: Place) -> str:
    """What a column key is recognised by, without saying anything about it: a wrong key never passes for the right one."""
    return hmac.new(key, place.framed("label-auditor/commitment/v1"), hashlib.sha256).hexdigest()


def cell_key(key: bytes, place: Place, subject_key: bytes | None = None) -> bytes:
    """The key of a column's cells; of one subject's cells where a subject key is given."""
    if subject_key is None:
        return hmac.new(key, place.framed("label-auditor/cell-key/v1"), hashlib.sha256).digest()
    return hmac.new(subject_key, place.framed("label-auditor/subject-cell-key/v1") + lp(key), hashlib.sha256).digest()


def bucket(length: int) -> int:
    """The width to which an encoding of this length is padded: a power of two, so that only the order of magnitude shows.

    >>> [bucket(length) for length in (0, 31, 32, 63, 64, 1000)]
    [32, 32, 64, 64, 128, 1024]
    """
    return max(_SMALLEST, 1 << length.bit_length())


def choose_padding(type_: pa.DataType, lengths: Counter[int], distinct: int) -> Padding:
    """How a column is padded.

    Args:
        type_: the values' type.
        lengths: how many encodings have which length, NULLs left out.
        distinct: how many different values there are (counting may stop above `ENUMERATION`).
    """
    if encoding.fixed_width(type_):
        return Padding("one", _NUMBER)
    longest = max(lengths, default=0)
    if distinct <= ENUMERATION and longest <= ENUMERATION_BYTES:
        return Padding("one", bucket(longest))
    widths: Counter[int] = Counter()
    for length, count in lengths.items():
        widths[bucket(length)] += count
    return Padding("buckets", max(widths, key=lambda width: (widths[width], -width), default=_SMALLEST))


def row_ids(keys: Sequence[pa.Array]) -> list[bytes]:
    """The row's part of the aad: its table's key, framed so that no two keys look alike; made once for all columns of a table.

    Args:
        keys: the key columns, n values each, as they stand beside the cells.
    """
    columns = [encoding.encode(key) for key in keys]
    return [lp(lp(*row)) for row in zip(*columns, strict=True)]


def _ends(place: Place, subject_tag: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the row id in the aad."""
    before = lp(FORMAT.encode(), place.dataset.encode(), place.column.encode())
    return before, lp(subject_tag, place.epoch.to_bytes(2, "big"))


def seal(
    values: pa.Array, rows: Sequence[bytes], key: bytes, place: Place, padding: Padding,
    *, subject_key: bytes | None = None, subject_tag: bytes = b"",
) -> pa.Array:  # fmt: skip
    """Seal a column's values.

    Args:
        values: n values, NULLs among them.
        rows: n row ids, from `row_ids`.
        key: the column key.
        place: where they stand.
        padding: how lengths are hidden.
        subject_key: the subject's key, where all these rows are one subject's.
        subject_tag: which subject that is.

    Returns:
        n cells, BINARY, none of them NULL.

    Raises:
        AuditorError: a value that does not fit a padding of one width, or a type that cannot be sealed.
    """
    import pyarrow as pa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

    plain = encoding.encode(values)
    if not padding.fits(map(len, plain)):
        raise AuditorError(f"{place.column}: a value is longer than the padding of its column", "seal the whole column anew")
    if padding.kind == "one":
        width = padding.width
        padded = [(one + _MARK).ljust(width, b"\0") for one in plain]
    else:
        null = (encoding.NULL + _MARK).ljust(padding.width, b"\0")
        padded = [null if one == encoding.NULL else (one + _MARK).ljust(bucket(len(one)), b"\0") for one in plain]
    encrypt = AESGCMSIV(cell_key(key, place, subject_key)).encrypt
    before, after = _ends(place, subject_tag)
    head = bytes([_VERSION]) + place.epoch.to_bytes(2, "big")
    return pa.array(
        [head + encrypt(_NONCE, one, before + row + after) for one, row in zip(padded, rows, strict=True)],
        pa.binary(),
    )


def unseal(
    cells: pa.Array, rows: Sequence[bytes], key: bytes, place: Place, type_: pa.DataType,
    *, subject_key: bytes | None = None, subject_tag: bytes = b"",
) -> pa.Array:  # fmt: skip
    """Open a column's cells: the inverse of `seal`.

    Args:
        cells: n cells.
        rows: n row ids, from `row_ids`.
        key: the column key.
        place: where they should stand.
        type_: what the values should be.
        subject_key: as it was when they were sealed.
        subject_tag: as it was when they were sealed.

    Raises:
        InputError: a cell that was altered, moved, or sealed with another key; it names the row by number, from 0.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

    decrypt = AESGCMSIV(cell_key(key, place, subject_key)).decrypt
    before, after = _ends(place, subject_tag)
    head = bytes([_VERSION]) + place.epoch.to_bytes(2, "big")
    raw: list[Any] = cells.to_pylist()
    done: list[bytes] = []
    try:
        for cell, row in zip(raw, rows, strict=True):
            if cell is None or cell[:3] != head:
                break
            # The mark is there: nothing else was ever sealed under this tag.
            done.append(decrypt(_NONCE, cell[3:], before + row + after).rstrip(b"\0")[:-1])
        else:
            return encoding.decode(done, type_)
    except (InvalidTag, ValueError) as error:
        # Refused by its tag, too short to have one, or of another type: it is not the cell that belongs here.
        raise _refused(place, len(done), b"") from error
    raise _refused(place, len(done), raw[len(done)])


def _refused(place: Place, row: int, cell: bytes | None) -> InputError:
    what = "the cell was altered, moved from another place, or sealed with another key"
    if cell is None:
        what = "a sealed cell is missing"
    elif cell and cell[0] != _VERSION:
        what = f"a cell of the unknown version {cell[0]}"
    elif cell and len(cell) >= 3 and cell[1:3] != place.epoch.to_bytes(2, "big"):
        what = f"a cell of epoch {int.from_bytes(cell[1:3], 'big')}, where epoch {place.epoch} is expected"
    return InputError(
        f"{place.dataset}: {place.column}", f"row {row}", what, "restore the data from DVC, or import the source again"
    )
