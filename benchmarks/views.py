"""50,000 images with three boxes each into FiftyOne, beside `add_samples` of the same samples.

The figure is the time after the import of FiftyOne: `ours` and `peer` print it and the samples a second on standard error. The peer gets
a tenth of the samples, since all of them take minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ITEMS, BOXES, FOUND = 50_000, 3, 5_000
PEER = 5_000


def generate(folder: Path) -> None:
    """Canonical tables, media paths (no files: FiftyOne does not look at them while loading) and findings."""
    from auditor import finding
    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES, select_typed, write_parquet

    item = "'item-' || lpad(i::VARCHAR, 6, '0')"
    queries = {
        "item": f"SELECT {item} AS item_id, 'image' AS media, 640 AS width, 480 AS height, 'train' AS split FROM range({ITEMS}) t(i)",
        "annotation": f"""
            SELECT 'a' || lpad((i * {BOXES} + b)::VARCHAR, 7, '0') AS annotation_id, {item} AS item_id, 'label' AS task, 'box' AS type,
                   'ann-' || (i % 3) AS annotator_id, 'human' AS source, 'class ' || (hash(i, b) % 5) AS label,
                   (hash(i, b, 1) % 400)::DOUBLE AS x, (hash(i, b, 2) % 300)::DOUBLE AS y, 100.0 AS w, 80.0 AS h
            FROM range({ITEMS}) t(i), range({BOXES}) u(b)""",
    }
    folder.mkdir(parents=True, exist_ok=True)
    con = engine.connect(folder)
    for name, table in TABLES.items():
        relation = f"({queries[name]})" if name in queries else "(SELECT 1 WHERE false)"
        present = set(con.sql(f"{queries[name]} LIMIT 0").columns) if name in queries else set()
        write_parquet(con, select_typed(relation, present, table.columns), table.key, folder / f"{name}.parquet")
    media = f"SELECT {item} AS item_id, '/data/images/' || {item} || '.jpg' AS path FROM range({ITEMS}) t(i)"
    write_parquet(con, media, ("item_id",), folder / "media.parquet")
    found = f"""
        SELECT i::VARCHAR AS finding_id, 'outlier/box_size' AS check_id, 'warning' AS severity, {item} AS item_id,
               'a' || lpad((i * {BOXES})::VARCHAR, 7, '0') AS annotation_id, 'a large box' AS message, '{{}}' AS evidence
        FROM range({FOUND}) t(i)"""
    columns = set(con.sql(f"{found} LIMIT 0").columns)
    write_parquet(con, select_typed(f"({found})", columns, finding.COLUMNS), ("finding_id",), folder / "findings.parquet")
    con.close()


def load(folder: Path, *, plainly: bool) -> None:
    """Build the dataset in an empty database."""
    from auditor import views
    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES
    from auditor.views import dataset, insert, samples

    material = views.Material(
        {name: folder / f"{name}.parquet" for name in TABLES}, folder / "media.parquet", folder / "findings.parquet", {}
    )
    with tempfile.TemporaryDirectory() as work, views.opened(Path(work) / "views") as shown:
        started = time.perf_counter()
        if plainly:
            con = engine.connect(Path(work))
            planned = samples.plan(con, material)
            target = shown._fo.Dataset("peer", persistent=True)
            target.media_type = "image"
            dataset._declare(shown._fo, target, planned)
            made = list(samples.make(con, material, planned, Path(work) / "cards"))[:PEER]
            started = time.perf_counter()
            count, _ = insert.samples(shown._fo, target, made, plainly=True)
        else:
            count = shown.build("ours", material).samples
        seconds = time.perf_counter() - started
        print(f"{count:,} samples in {seconds:.1f} s after import: {count / seconds:,.0f} a second", file=sys.stderr)


if __name__ == "__main__":
    {"generate": generate, "ours": lambda folder: load(folder, plainly=False), "peer": lambda folder: load(folder, plainly=True)}[
        sys.argv[1]
    ](Path(sys.argv[2]))
