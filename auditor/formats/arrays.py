"""NumPy arrays: labels.npy, one row per item, with probabilities and class names beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.formats.gold import read_gold
from auditor.formats.npy import MAGIC, ROWS, load_npy
from auditor.formats.predictions import declare_classes, read_classes, read_predictions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from auditor.stage import Source, Stage

TITLE = "NumPy arrays: labels.npy with --predictions probs.npy and --classes names.txt"

CALLED = "an array"
TAKES = frozenset({"gold", "predictions", "classes"})
HINTS = {"map a column to value": ""}  # an array of numbers is one of class codes


def detect(path: Path, head: bytes) -> float:
    """How sure it is that `path` is an array; .npz and pickles are claimed too, to be refused with a reason.

    >>> from pathlib import Path
    >>> detect(Path("labels.npy"), b""), detect(Path("a.csv"), b"a,b")
    (0.9, 0.0)
    """
    if head.startswith(MAGIC):
        return 1.0
    return 0.9 if path.suffix.lower() in {".npy", ".npz", ".pkl", ".pickle"} else 0.0


def read(source: Source, stage: Stage) -> None:
    """Read labels, with their predictions and gold, onto the stage.

    Raises:
        InputError: an array cannot be read without unpickling, or the files do not fit together.
    """
    labels = load_npy(source.path)
    _check(source.path, labels)
    classes = read_classes(source.classes) if source.classes else []
    if labels.ndim == 2 and classes and len(classes) != labels.shape[1]:
        raise InputError(
            source.classes or "", "", f"names {len(classes):,} classes for {labels.shape[1]:,} columns", "give one name per column"
        )
    stage.note("item ids are row numbers, from 0")
    stage.con.register("label_arrow", _annotations(source.path, labels, classes))
    # Read once and kept: a check of the predictions asks for the labels again.
    stage.con.execute("CREATE OR REPLACE TEMP TABLE array_table AS SELECT * FROM label_arrow")
    stage.con.unregister("label_arrow")
    stage.add("annotation", "SELECT *, 'class' AS type, 'label' AS task, 'human' AS source FROM array_table")
    rows = f"(SELECT range AS row, CAST(range AS VARCHAR) AS item_id FROM range({labels.shape[0]}))"
    split = f", {_text(source.split)} AS split" if source.split else ""
    stage.add("item", f"SELECT item_id{split} FROM {rows}")
    several = labels.ndim == 2 and any((block.astype(bool).sum(axis=1) > 1).any() for block in _blocks(labels))
    labelled = "SELECT label FROM array_table"
    found = read_predictions(source, stage, f"SELECT item_id, row FROM {rows}", labelled, exclusive=not several)
    names = classes or found or ([str(index) for index in range(labels.shape[1])] if labels.ndim == 2 else [])
    declare_classes(source, stage, names=names, exclusive=not several)
    read_gold(
        source, stage, f"SELECT item_id FROM {rows}", "SELECT label FROM array_table", item_column="item_id", label_column="label"
    )
    stage.con.execute("DROP TABLE array_table")


def _check(path: Path, labels: np.ndarray[Any, Any]) -> None:
    if labels.dtype.kind == "f":
        hint = "probabilities go to --predictions" if labels.ndim == 2 else "save whole numbers: labels.astype(int)"
        raise InputError(path, "", f"its type is {labels.dtype.name}, but labels are whole numbers or text", hint)
    if labels.ndim > 2:
        raise InputError(path, "", f"has {labels.ndim} dimensions", "give one label per item, or items x classes of 0 and 1")
    if labels.ndim == 2 and (
        labels.dtype.kind not in "biu" or any(((block != 0) & (block != 1)).any() for block in _blocks(labels))
    ):
        raise InputError(path, "", "has two dimensions, but is not items x classes of 0 and 1", "give one label per item")
    if labels.ndim == 2 and not any(block.any() for block in _blocks(labels)):
        expected = "give one label per item, or items x classes with a 1 for each class that holds"
        raise InputError(path, "", "has two dimensions and no 1 in any row: it labels nothing", expected)


def _blocks(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    import numpy as np

    for start in range(0, array.shape[0], ROWS):
        yield np.asarray(array[start : start + ROWS])


def _annotations(path: Path, labels: np.ndarray[Any, Any], classes: list[str]) -> pa.RecordBatchReader:
    """Arrow (item_id, label): one row per label, or per true class of an items x classes array."""
    import numpy as np
    import pyarrow as pa

    schema = pa.schema({"item_id": pa.string(), "label": pa.string()})

    def batches() -> Iterator[pa.RecordBatch]:
        start = 0
        for block in _blocks(labels):
            if labels.ndim == 2:
                rows, codes = np.nonzero(block)
            else:
                rows, codes = np.arange(len(block)), block
            text = _names(codes, classes) if codes.dtype.kind in "biu" else codes
            ids = pa.array(rows + start).cast(pa.string())
            yield pa.record_batch([ids, _strings(path, start, text)], schema=schema)
            start += len(block)

    # Bytes that are no text must be told here: an error inside a reader reaches the user as the database's.
    if labels.dtype.kind in "US":
        start = 0
        for block in _blocks(labels):
            _strings(path, start, block)
            start += len(block)
    return pa.RecordBatchReader.from_batches(schema, batches())


def _names(codes: np.ndarray[Any, Any], classes: list[str]) -> pa.Array:
    """Class names of codes; a code without a name stays a number, and so becomes a finding."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = codes.astype(np.uint8) if codes.dtype.kind == "b" else codes
    numbers = pa.array(whole.astype(whole.dtype.newbyteorder("="))).cast(pa.string())
    if not classes:
        return numbers
    inside = (whole >= 0) & (whole < len(classes))
    named = pa.array(classes, pa.string()).take(pa.array(np.where(inside, whole, 0).astype(np.int64)))
    return pc.if_else(pa.array(inside), named, numbers)


def _strings(path: Path, start: int, values: Any) -> pa.Array:
    """Text as Arrow, empty text as NULL.

    Raises:
        InputError: bytes that are not UTF-8, or characters that are none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.Array):
        return values
    try:
        if values.dtype.kind == "S":
            array = pa.array(values, pa.binary()).cast(pa.string())
        else:
            array = pa.array(values.astype(values.dtype.newbyteorder("=")), pa.string())
    except (ValueError, pa.ArrowException) as error:
        raise InputError(
            path,
            f"rows {start} to {start + len(values) - 1}",
            "hold text that is not valid",
            "save the labels as text: array.astype(str)",
        ) from error
    return pc.if_else(pc.equal(array, ""), None, array)


def _text(value: str) -> str:
    from auditor.tables import literal

    return literal(value)
