"""Confident learning on generated probabilities, beside cleanlab: all filters and scores of ours, one filter and one score of the peer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.timing import as_base_install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

ROWS, CLASSES = 1_000_000, 100
MANY_ROWS, MANY_CLASSES = 1_200_000, 1000
MEMORY = "1GB"
WRONG = 0.05  # share of labels drawn at random
_BATCH = 20_000


def batches(rows: int, classes: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Labels and the float32 probabilities of a model that is right nine times in ten."""
    import numpy as np

    rng = np.random.default_rng(0)
    for start in range(0, rows, _BATCH):
        size = min(_BATCH, rows - start)
        true = rng.integers(0, classes, size)
        logits = rng.standard_normal((size, classes), dtype=np.float32)
        logits[np.arange(size), true] += 5.0 + rng.standard_normal(size, dtype=np.float32) * 1.5
        probs = np.exp(logits)
        probs /= probs.sum(axis=1, keepdims=True)
        yield np.where(rng.random(size) < WRONG, rng.integers(0, classes, size), true), probs


def generate(folder: Path, rows: int = ROWS, classes: int = CLASSES, *, arrays: bool = True) -> None:
    """The canonical tables, and for the peer the same as labels.npy and probs.npy."""
    import numpy as np
    import pyarrow as pa

    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES, rows_of, select_typed, write_parquet

    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema({"item_id": pa.string(), "task": pa.string(), "model": pa.string(), "probs": pa.list_(pa.float32())})
    labels = []
    beside = np.lib.format.open_memmap(folder / "probs.npy", "w+", np.float32, (rows, classes)) if arrays else None

    def tables() -> Iterator[pa.RecordBatch]:
        for number, (given, probs) in enumerate(batches(rows, classes)):
            start, size = number * _BATCH, len(given)
            labels.append(given)
            if beside is not None:
                beside[start : start + size] = probs
            offsets = pa.array(np.arange(0, (size + 1) * classes, classes), pa.int32())
            lists = pa.ListArray.from_arrays(offsets, pa.array(probs.ravel()))
            ids = pa.array(np.arange(start, start + size) + 10_000_000).cast(pa.string())
            yield pa.record_batch([ids, pa.repeat("label", size), pa.repeat("m", size), lists], schema=schema)

    con = engine.connect(folder, "4GB", threads=1)
    con.register("made", pa.RecordBatchReader.from_batches(schema, tables()))
    # Made in the order of the key.
    write_parquet(
        con,
        select_typed("made", set(schema.names), TABLES["prediction"].columns),
        (),
        folder / "prediction.parquet",
        rows_of(classes),
    )
    given = np.concatenate(labels)
    np.save(folder / "labels.npy", given)
    con.register("given", pa.table({"label": given}))
    queries = {
        "annotation": "SELECT CAST(9999999 + n AS VARCHAR) AS item_id, 'a' || (9999999 + n) AS annotation_id, 'label' AS task, 'class' AS type, "
        "'human' AS source, CAST(label AS VARCHAR) AS label FROM (SELECT label, row_number() OVER () AS n FROM given)",
        "item": f"SELECT CAST(10000000 + range AS VARCHAR) AS item_id FROM range({rows})",
        "model": f"SELECT 'm' AS model, 'label' AS task, [CAST(range AS VARCHAR) FOR range IN range({classes})] AS classes",
    }
    for name, table in TABLES.items():
        if name == "prediction":
            continue
        query = queries.get(name)
        present = set(con.sql(f"{query} LIMIT 0").columns) if query else set()
        relation = f"({query})" if query else "(SELECT 1 WHERE false)"
        write_parquet(con, select_typed(relation, present, table.columns), table.key, folder / f"{name}.parquet")
    con.close()


def ours(folder: Path) -> None:
    """The measure label_quality from the tables: every filter, every score, written as Parquet."""
    from auditor import check, measure
    from auditor.run import Session
    from auditor.stage import Tables
    from auditor.tables import TABLES, present_columns, row_count

    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    rows = {name: row_count(path) for name, path in paths.items()}
    present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
    session = Session(
        Tables(paths, rows, present, None, ()), folder / "measures", folder, check.Binder(measure.columns()), memory=MEMORY
    )
    assert session.measure("label_quality") is None
    sys.stderr.write(f"{session.seconds['label_quality']:.2f} s label_quality\n")


def arrays(folder: Path) -> None:
    """The same scores and filters from the same arrays as the peer's."""
    import numpy as np

    from auditor.ahead import ahead
    from auditor.measures._label_scores import score

    labels, probs = np.load(folder / "labels.npy").astype(np.int32), np.load(folder / "probs.npy", mmap_mode="r")
    rows, step = len(labels), max(1, (1 << 20) // probs.shape[1])
    offset = probs.offset

    def blocks() -> Iterator[tuple[np.ndarray, slice]]:
        with (folder / "probs.npy").open("rb") as file:
            file.seek(offset)
            for start in range(0, rows, step):
                size = min(step, rows - start)
                yield np.fromfile(file, np.float32, size * probs.shape[1]).reshape(size, -1), slice(start, start + size)

    def each(work: Callable[[np.ndarray, slice], Any]) -> Iterator[Any]:
        return ahead(lambda block: work(*block), blocks())

    found = score(labels, probs.shape[1], each)
    sys.stderr.write(f"{int(found['prune_by_noise_rate'].sum()):,} found\n")


def peer(folder: Path) -> None:
    """cleanlab's default filter and its default score."""
    import numpy as np
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    labels, probs = np.load(folder / "labels.npy"), np.load(folder / "probs.npy")
    found = find_label_issues(labels, probs)
    get_label_quality_scores(labels, probs)
    sys.stderr.write(f"{int(found.sum()):,} found\n")


if __name__ == "__main__":
    if sys.argv[1] != "peer":
        as_base_install()  # cleanlab needs pandas
    chosen = {
        "generate": generate, "ours": ours, "arrays": arrays, "peer": peer,
        "generate_many": lambda folder: generate(folder, MANY_ROWS, MANY_CLASSES, arrays=False),
    }  # fmt: skip
    chosen[sys.argv[1]](Path(sys.argv[2]))
