"""Labels beside the probabilities that models give their items, in batches that fit in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True)
class Pairs:
    """The human class annotations of one task, each with the row of one model's probabilities of its item.

    Attributes:
        con: holds the annotations in a table of its own, in the order of the rows.
        model: the model.
        task: the task.
        classes: the model's classes.
        row: number of the row among the model's predictions of the task, shape (n,), ascending.
        given: the class given, -1 where it is none of the model's, shape (n,).
        place: where each stands in the order of item ids, shorter ones first (so that numbers are in their own order), shape (n,).
    """

    con: Any
    model: str
    task: str
    classes: list[str]
    row: npt.NDArray[np.int32]
    given: Ints
    place: Ints

    @classmethod
    def of(cls, con: Any, model: str, task: str, classes: list[str]) -> Pairs:
        """Find them."""
        # No temporary table: other cursors of this connection read it while results are written.
        # Predictions are stored in the order of item_id: rows are counted in that order, here and in `_rows`.
        con.execute(
            "CREATE OR REPLACE TABLE pair AS SELECT p.row, a.*, "
            "row_number() OVER (ORDER BY length(item_id), item_id, annotation_id) - 1 AS place FROM "
            "(SELECT item_id, row_number() OVER () - 1 AS row FROM prediction WHERE task = $task AND model = $model) AS p JOIN "
            "(SELECT annotation_id, item_id, annotator_id, label, coalesce(list_position($classes, label), 0) - 1 AS given FROM "
            "annotation WHERE type = 'class' AND source = 'human' AND label IS NOT NULL AND task = $task) AS a USING (item_id) "
            "ORDER BY row, annotation_id",
            {"task": task, "model": model, "classes": classes},
        )
        found = con.sql(
            "SELECT CAST(row AS INTEGER) AS row, CAST(given AS INTEGER) AS given, CAST(place AS INTEGER) AS place FROM pair"
        ).fetchnumpy()
        given, place = (np.asarray(found[name], np.int64) for name in ("given", "place"))
        return cls(con, model, task, classes, np.asarray(found["row"]), given, place)

    def each(self, work: Callable[[Floats, slice], Any], progress: Callable[[str, int, int | None], None]) -> list[Any]:
        """`work` on the probabilities of all pairs, in order: shape (m, classes), rows of sum 1, or NaN where there are none."""

        def one(batch: tuple[int, pa.Array]) -> Any:
            start, lists = batch
            at = slice(*np.searchsorted(self.row, [start, start + len(lists)]).tolist())
            probs = probabilities(lists, len(self.classes))
            of = self.row[at] - start
            whole = len(of) == len(lists) and bool((of == np.arange(len(of))).all())
            return at.stop, work(probs if whole else probs[of], at)

        done = []
        for stop, result in ahead(one, self._rows()):
            progress("scoring labels", stop, len(self.row))
            done.append(result)
        return done

    def _rows(self) -> Iterator[tuple[int, pa.Array]]:
        start = 0
        query = "SELECT probs FROM prediction WHERE task = $task AND model = $model"
        rows = self.con.cursor().sql(query, params={"task": self.task, "model": self.model})
        for batch in rows.to_arrow_reader(max(1, BATCH // len(self.classes))):
            yield start, batch["probs"]
            start += batch.num_rows

    def annotations(self) -> Iterator[tuple[pa.RecordBatch, slice]]:
        """The annotations themselves, in the order of `given`, with the slice of the pairs that they are."""
        start = 0
        for batch in self.con.cursor().sql("SELECT annotation_id, item_id, annotator_id, label FROM pair").to_arrow_reader(_ROWS):
            yield batch, slice(start, start + batch.num_rows)
            start += batch.num_rows

    def close(self) -> None:
        """Let the annotations go."""
        self.con.execute("DROP TABLE pair")


def probabilities(lists: pa.Array, width: int, *, normalise: bool = True) -> Floats:
    """Lists of numbers as an array.

    Args:
        lists: Arrow lists of float32, length n.
        width: how long each should be.
        normalise: bring rows to sum 1.

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
        bad = ~(np.isfinite(scale) & (scale > 0) & (probs.min(axis=1) >= 0))
        if normalise:
            probs = probs / scale[:, None]
        elif bad.any():
            probs = probs.copy()
    probs[bad] = np.nan
    if fits.all():
        return probs
    full = np.full((len(lists), width), np.nan, np.float32)
    full[fits] = probs
    return full
