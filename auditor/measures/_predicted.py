"""Labels beside the probabilities that models give their items, in batches that fit in memory."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from auditor.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

BATCH = 1 << 20  # probabilities held at once, 4 MB as float32
_ROWS = 1 << 16  # annotations held at once


def tasks(con: Any, *, exclusive: bool) -> list[tuple[str, str, list[str]]]:
    """(model, task, classes) of the models whose labels exclude each other, or do not; the ontology says so, and silence is yes."""
    found: list[tuple[str, str, list[str]]] = con.sql(
        "SELECT model, task, classes FROM model WHERE len(classes) > 1 AND coalesce((SELECT bool_and(exclusive) FROM ontology AS o "
        "WHERE o.task = model.task), true) = $exclusive ORDER BY model, task",
        params={"exclusive": exclusive},
    ).fetchall()
    return found


# Annotations are stored in the order of item_id and annotation_id, predictions in that of item_id: rows are numbered as they come.
_ANNOTATIONS = "FROM annotation WHERE type = 'class' AND source = 'human' AND label IS NOT NULL AND task = $task"
_PREDICTIONS = "FROM prediction WHERE task = $task AND model = $model"
_PAIRS = f"""
SELECT CAST(a.n AS INTEGER) AS n, CAST(p.n AS INTEGER) AS row, coalesce(CAST(c.given AS INTEGER), -1) AS given,
       CAST(length(a.item_id) AS INTEGER) AS length
FROM (SELECT row_number() OVER () - 1 AS n, item_id, label {_ANNOTATIONS}) AS a
JOIN (SELECT row_number() OVER () - 1 AS n, item_id {_PREDICTIONS}) AS p USING (item_id)
LEFT JOIN (SELECT label, min(given) AS given FROM (SELECT unnest($classes) AS label, unnest(range(len($classes))) AS given)
           GROUP BY label) AS c USING (label)
"""


_SETS = f"""
SELECT p.n AS row, a.item_id, a.annotator_id,
       CAST(row_number() OVER (PARTITION BY p.n ORDER BY a.annotator_id NULLS LAST) AS INTEGER) AS set,
       coalesce(list(c.given ORDER BY c.given) FILTER (c.given IS NOT NULL), []) AS given
FROM (SELECT item_id, annotator_id, label {_ANNOTATIONS} GROUP BY ALL) AS a
JOIN (SELECT row_number() OVER () - 1 AS n, item_id {_PREDICTIONS}) AS p USING (item_id)
LEFT JOIN (SELECT label, min(given) AS given FROM (SELECT unnest($classes) AS label, unnest(range(len($classes))) AS given)
           GROUP BY label) AS c USING (label)
GROUP BY p.n, a.item_id, a.annotator_id
ORDER BY p.n, set
"""


def _stored(con: Any, model: str, task: str, width: int) -> Iterator[tuple[int, pa.Array]]:
    """The model's probabilities of the task as they are stored, in batches, each with the number of its first row."""
    start = 0
    rows = con.cursor().sql(f"SELECT probs {_PREDICTIONS}", params={"task": task, "model": model})
    for batch in rows.to_arrow_reader(max(1, BATCH // width)):
        yield start, batch["probs"]
        start += batch.num_rows


class Pairs:
    """The human class annotations of one task, each with the row of one model's probabilities of its item.

    A context: within it the probabilities are kept in a file without a name, since they are read several times and unpacking them
    from Parquet costs ten times as much as reading them.

    Attributes:
        model: the model.
        task: the task.
        classes: the model's classes.
        given: the class given, -1 where it is none of the model's, int32 of shape (n,), in the order of item and annotation.
        place: where each stands in the order of item ids, shorter ones first (so that numbers are in their own order), shape (n,).
    """

    def __init__(self, con: Any, model: str, task: str, classes: list[str], found: dict[str, npt.NDArray[np.int32]]) -> None:
        order = np.argsort(found["n"])
        self._con, self._kept = con, False
        self.model, self.task, self.classes = model, task, classes
        self._number, self._row, self.given = (found[name][order] for name in ("n", "row", "given"))
        self.place = np.empty(len(order), np.int32)
        self.place[np.argsort(found["length"][order], kind="stable")] = np.arange(len(order), dtype=np.int32)

    @classmethod
    def of(cls, con: Any, model: str, task: str, classes: list[str]) -> Pairs:
        """Find them."""
        # Pages of the Parquet files are read once: no copy of them need be held.
        con.execute("SET enable_external_file_cache = false")
        params = {"task": task, "model": model, "classes": classes}
        found = con.sql(_PAIRS, params=params).fetchnumpy()
        return cls(con, model, task, classes, {name: np.asarray(values) for name, values in found.items()})

    def __enter__(self) -> Self:
        folder = self._con.sql("SELECT current_setting('temp_directory')").fetchall()[0][0]
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=folder, buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def each(self, work: Callable[[Floats, slice], Any], progress: Callable[[str, int, int | None], None]) -> Iterator[Any]:
        """`work` on the probabilities of all pairs, in order: shape (m, classes), rows of sum 1, or NaN where there are none."""
        for stop, result in ahead(lambda batch: (batch[1].stop, work(*batch)), self._again() if self._kept else self._once()):
            progress("scoring labels", stop, len(self.given))
            yield result
        self._kept = True

    def _once(self) -> Iterator[tuple[Floats, slice]]:
        def one(batch: tuple[int, pa.Array]) -> tuple[Floats, slice]:
            start, lists = batch
            at = slice(*np.searchsorted(self._row, [start, start + len(lists)]).tolist())
            probs = probabilities(lists, len(self.classes))
            of = self._row[at] - start
            whole = len(of) == len(lists) and bool((of == np.arange(len(of))).all())
            return probs if whole else probs[of], at

        for probs, at in ahead(one, _stored(self._con, self.model, self.task, len(self.classes))):
            self._file.write(np.ascontiguousarray(probs).data.cast("B"))
            yield probs, at

    def _again(self) -> Iterator[tuple[Floats, slice]]:
        self._file.seek(0)
        width, size = len(self.classes), len(self.given)
        step = max(1, BATCH // width)
        for start in range(0, size, step):
            probs = np.empty((min(step, size - start), width), np.float32)
            view, filled = probs.data.cast("B"), 0
            while filled < len(view):
                filled += self._file.readinto(view[filled:])
            yield probs, slice(start, start + len(probs))

    def annotations(self) -> Iterator[tuple[pa.RecordBatch, slice]]:
        """The annotations themselves, in the order of `given`, with the slice of the pairs that they are."""
        import pyarrow as pa

        start = 0
        query = f"SELECT item_id, annotation_id, annotator_id, label {_ANNOTATIONS}"
        for batch in self._con.cursor().sql(query, params={"task": self.task}).to_arrow_reader(_ROWS):
            at = slice(*np.searchsorted(self._number, [start, start + batch.num_rows]).tolist())
            yield batch.take(pa.array(self._number[at] - start)), at
            start += batch.num_rows


class Sets:
    """The sets of labels that people gave items of one task, each beside one model's probabilities of its item.

    Attributes:
        model: the model.
        task: the task.
        classes: the model's classes.
    """

    def __init__(self, con: Any, model: str, task: str, classes: list[str]) -> None:
        self._con = con
        self.model, self.task, self.classes = model, task, classes
        con.execute("SET enable_external_file_cache = false")
        # One row per set, in the order of the predictions and so of items; labels that the model does not know are not among its.
        self._sets = con.sql(_SETS, params={"task": task, "model": model, "classes": classes}).to_arrow_table().combine_chunks()
        self._row = np.asarray(self._sets["row"].to_numpy(), np.int64)

    def each(self, work: Callable[[Floats, Any, slice], Any], progress: Callable[[str, int, int | None], None]) -> Iterator[Any]:
        """`work` on (probabilities, which labels are given, slice of the sets) of all sets, in order."""

        def one(batch: tuple[int, pa.Array]) -> tuple[int, Any]:
            start, lists = batch
            at = slice(*np.searchsorted(self._row, [start, start + len(lists)]).tolist())
            probs = probabilities(lists, len(self.classes), normalise=False)[self._row[at] - start]
            held = self._sets["given"].chunk(0).slice(at.start, at.stop - at.start) if len(self._row) else None
            given = np.zeros(probs.shape, np.bool_)
            if held is not None:
                sizes = held.value_lengths().to_numpy(zero_copy_only=False)
                given[np.repeat(np.arange(len(sizes)), sizes), held.flatten().to_numpy()] = True
            return at.stop, work(probs, given, at)

        for stop, result in ahead(one, _stored(self._con, self.model, self.task, len(self.classes))):
            progress("scoring sets of labels", stop, len(self._row))
            yield result

    def rows(self, at: slice) -> pa.Table:
        """item_id, set and annotator_id of some sets."""
        return self._sets.select(["item_id", "set", "annotator_id"]).slice(at.start, at.stop - at.start)


def probabilities(lists: pa.Array, width: int, *, normalise: bool = True) -> Floats:
    """Lists of numbers as an array.

    Args:
        lists: Arrow lists of float32, length n.
        width: how long each should be.
        normalise: bring rows to sum 1; if not, no number may be above 1.

    Returns:
        Shape (n, width); NaN throughout where a row has another length, holds what is no number or negative, or sums to 0.

    >>> import pyarrow as pa
    >>> probabilities(pa.array([[1.0, 3.0], [1.0], None, [-1.0, 2.0]], pa.list_(pa.float32())), 2).round(2).tolist()
    [[0.25, 0.75], [nan, nan], [nan, nan], [nan, nan]]
    """
    import pyarrow.compute as pc

    fits = np.asarray(pc.fill_null(pc.equal(pc.list_value_length(lists), width), fill_value=False))
    flat = (lists if fits.all() else lists.filter(fits)).flatten()
    probs = np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(-1, width)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = probs.sum(axis=1)
        bad = ~(np.isfinite(scale) & (probs.min(axis=1) >= 0) & ((scale > 0) if normalise else (probs.max(axis=1) <= 1)))
        if normalise:
            probs = probs / scale[:, None]
        elif bad.any():
            probs = probs.copy()
    if bad.any():
        probs[bad] = np.nan
    if fits.all():
        return probs
    full = np.full((len(lists), width), np.nan, np.float32)
    full[fits] = probs
    return full
