"""Canonical bytes of typed values: one value, one byte string, and back exactly (NaN's bits, -0.0, empty and NULL included).

The first byte is 0 for NULL, else the code of the type; so a cell says what it is, and one that was sealed as another
type is refused.
Strings are UTF-8; numbers, times (microseconds) and booleans have their fixed width, little end first; a list or struct is the
sequence of its parts' encodings, each behind its length (`auditor.framing.lp`), for lists with the number of parts known from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError
from auditor.protection.framing import lp

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

NULL = b"\0"
_STRING, _DOUBLE, _BIGINT, _TIMESTAMP, _INTEGER, _FLOAT, _BOOLEAN, _LIST, _STRUCT = (bytes([code]) for code in range(1, 10))


def fixed_width(type_: pa.DataType) -> bool:
    """Whether all values of a type have encodings of one length."""
    return _code(type_) not in {_STRING, _LIST, _STRUCT}


def _code(type_: pa.DataType) -> bytes:
    import pyarrow as pa

    if pa.types.is_list(type_):
        return _LIST
    if pa.types.is_struct(type_):
        return _STRUCT
    known = {
        pa.string(): _STRING, pa.float64(): _DOUBLE, pa.int64(): _BIGINT, pa.timestamp("us"): _TIMESTAMP,
        pa.int32(): _INTEGER, pa.float32(): _FLOAT, pa.bool_(): _BOOLEAN,
    }  # fmt: skip
    if type_ not in known:
        raise AuditorError(f"values of type {type_} cannot be sealed", "cast the column, or let the policy drop it")
    return known[type_]


def encode(values: pa.Array) -> list[bytes]:
    r"""One byte string for each value.

    Args:
        values: VARCHAR, DOUBLE, BIGINT, TIMESTAMP, INTEGER, FLOAT, BOOLEAN, or lists and structs of them.

    Raises:
        AuditorError: another type.

    >>> import pyarrow as pa
    >>> encode(pa.array(["a", None, ""]))
    [b'\x01a', b'\x00', b'\x01']
    """
    import pyarrow as pa

    code = _code(values.type)
    if code == _LIST:
        offsets, parts = values.offsets.to_pylist(), encode(values.values)
        return [
            code + lp(*parts[offsets[row] : offsets[row + 1]]) if valid else NULL
            for row, valid in enumerate(values.is_valid().to_pylist())
        ]
    if code == _STRUCT:
        # `flatten` minds the array's own offset and gives the children of a NULL as NULL.
        rows = zip(*(encode(child) for child in values.flatten()), strict=True)
        return [code + lp(*row) if valid else NULL for row, valid in zip(rows, values.is_valid().to_pylist(), strict=True)]
    if code == _BOOLEAN:
        return [NULL if value is None else code + bytes([value]) for value in values.to_pylist()]
    raw = values.view(pa.binary() if code == _STRING else pa.binary(values.type.bit_width // 8))
    return [NULL if value is None else code + value for value in raw.to_pylist()]


def decode(data: Sequence[bytes], type_: pa.DataType) -> pa.Array:
    r"""The values of byte strings that `encode` made.

    Raises:
        ValueError: a byte string is none of this type.

    >>> import pyarrow as pa
    >>> decode([b"\x01a", b"\x00"], pa.string()).to_pylist()
    ['a', None]
    """
    import pyarrow as pa

    code = _code(type_)
    valid = [one != NULL for one in data]
    bodies = [one[1:] if one[:1] == code else _other(one) for one in data]
    if code in {_LIST, _STRUCT}:
        parts = [_parts(body) for body in bodies]
        mask = pa.array([not one for one in valid], pa.bool_())
        if code == _LIST:
            offsets = [0]
            for row in parts:
                offsets.append(offsets[-1] + len(row))
            flat = decode([part for row in parts for part in row], type_.value_type)
            return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat, type=type_, mask=mask)
        width = type_.num_fields
        if any(ok and len(row) != width for ok, row in zip(valid, parts, strict=True)):
            raise ValueError("a struct with other fields")
        columns = [[row[index] if ok else NULL for ok, row in zip(valid, parts, strict=True)] for index in range(width)]
        children = [decode(column, type_.field(index).type) for index, column in enumerate(columns)]
        return pa.StructArray.from_arrays(children, fields=list(type_), mask=mask)
    whole: list[Any] = [body if ok else None for ok, body in zip(valid, bodies, strict=True)]
    if code == _STRING:
        return pa.array(whole, pa.binary()).cast(type_)
    if code == _BOOLEAN:
        return pa.array([None if one is None else {b"\0": False, b"\1": True}[one] for one in whole], type_)
    size = type_.bit_width // 8
    if any(one is not None and len(one) != size for one in whole):
        raise ValueError("a number of another length")
    return pa.array(whole, pa.binary(size)).view(type_)


def _other(one: bytes) -> bytes:
    if one != NULL:
        raise ValueError("a value of another type")
    return b""


def _parts(data: bytes) -> list[bytes]:
    parts = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 8], "big")
        if at + 8 + size > len(data):
            raise ValueError("a part that is cut off")
        parts.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    return parts
