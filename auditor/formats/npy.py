"""NumPy arrays from .npy files: mapped into memory, never unpickled, handed on in batches."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.formats.scan import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

OFF = 0.02  # a sum of probabilities that is no slip of rounding: half precision errs by less
ROWS = 100_000
MAGIC = b"\x93NUMPY"


def load_npy(path: Path) -> np.ndarray[Any, Any]:
    """An array, mapped read-only from its file.

    Raises:
        InputError: not a .npy file, cut off, holding Python objects (a pickle), or of a type that is no number or text.
    """
    import numpy as np

    head = opened(path)
    if head.startswith(b"PK\x03\x04"):
        raise InputError(path, "", "is an .npz archive of several arrays", "save the one array with numpy.save")
    if head[:1] == b"\x80":
        raise InputError(
            path, "", "is a pickle, which may run code when it is loaded: refused", "save it with numpy.save(…, allow_pickle=False)"
        )
    if not head.startswith(MAGIC):
        raise InputError(path, "byte 0", "is not a .npy file", "save the array with numpy.save")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    # A hostile header makes NumPy raise nearly anything.
    except Exception as error:
        if b"'O'" in head[:1024] or "object" in str(error).lower():
            what, hint = (
                "holds Python objects (a pickle), which may run code when loaded: refused",
                "convert it: array.astype(str) or array.astype(int), then numpy.save",
            )
        else:
            what, hint = "is damaged or cut off", "save it again with numpy.save"
        raise InputError(path, "", what, hint) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufUS":
        kind = getattr(getattr(array, "dtype", None), "name", "unknown")
        raise InputError(path, "", f"its type is {kind}, neither numbers nor text", "save integers, text or probabilities")
    if array.ndim == 0 or not array.shape[0]:
        raise InputError(path, "", "the array is empty", "save one row per item")
    return array


def load_probabilities(path: Path, rows: int, *, exclusive: bool = True) -> tuple[np.ndarray[Any, Any], int]:
    """A checked array of `rows` x k probabilities, not yet normalised, and how many rows are off a sum of 1 by over `OFF`.

    Where labels do not exclude each other, all may be 0.

    Raises:
        InputError: wrong shape, or a row that holds NaN, infinity or a negative number, or only zeros; names the row.
    """
    import numpy as np

    array = load_npy(path)
    if array.dtype.kind != "f" and not (array.ndim == 2 and array.dtype.kind in "iu"):
        raise InputError(path, "", f"its type is {array.dtype.name}, not probabilities", "save an array of floats, rows x classes")
    if array.ndim != 2 or array.shape[1] < 2:
        shape = " x ".join(str(size) for size in array.shape)
        raise InputError(path, "", f"its shape is {shape}, not rows x classes", "give one column per class, at least two")
    if array.shape[0] != rows:
        raise InputError(path, "", f"has {array.shape[0]:,} rows for {rows:,} items", "give one row per item, in the same order")
    off = 0
    for start in range(0, rows, ROWS):
        block = np.asarray(array[start : start + ROWS], dtype=np.float64)
        off += int((np.abs(block.sum(axis=1) - 1) > OFF).sum())
        for wrong, what, hint in (
            (~np.isfinite(block).all(axis=1), "holds NaN or infinity", "predict this row again"),
            ((block < 0).any(axis=1), "holds a negative number", "are these logits? apply softmax first"),
            (~(block.sum(axis=1) > 0) & exclusive, "holds only zeros", "predict this row again"),
        ):
            if wrong.any():
                raise InputError(path, f"row {start + int(wrong.argmax())} (from 0)", what, hint)
    return array, off


def probability_batches(array: np.ndarray[Any, Any], *, exclusive: bool = True) -> pa.RecordBatchReader:
    """Arrow (row BIGINT from 0, probs list of FLOAT), each row divided by its sum where labels exclude each other."""
    import numpy as np
    import pyarrow as pa

    schema = pa.schema({"row": pa.int64(), "probs": pa.list_(pa.float32())})
    width = array.shape[1]

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, array.shape[0], ROWS):
            block = np.asarray(array[start : start + ROWS], dtype=np.float64)
            if exclusive:
                # The largest is divided out first, so that a row of huge numbers has a finite sum.
                block = block / block.max(axis=1, keepdims=True)
                block = block / block.sum(axis=1, keepdims=True)
            block = block.astype(np.float32)
            offsets = np.arange(0, block.size + 1, width, dtype=np.int32)
            probs = pa.ListArray.from_arrays(pa.array(offsets), pa.array(block.ravel()))
            yield pa.record_batch([pa.array(np.arange(start, start + len(block))), probs], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
