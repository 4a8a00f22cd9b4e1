"""Small datasets written by tests: label files as a person would have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from auditor.stage import Stage, Tables

if TYPE_CHECKING:
    from pathlib import Path


def votes_csv(path: Path, *, people: int = 3, items: int = 12, extra: str = "") -> Path:
    """item_id, annotator_id, label: every annotator labels every item, mostly the same way."""
    lines = ["item_id,annotator_id,label"]
    for item in range(items):
        for person in range(people):
            label = "cat" if (item + (person == item % 7)) % 2 else "dog"
            lines.append(f"i{item:03},ann-{person},{label}")
    path.write_text("\n".join(lines) + "\n" + extra, encoding="utf-8")
    return path


def stage_tables(folder: Path, **tables: list[dict]) -> Tables:
    """Canonical tables from rows, through the stage."""
    stage = Stage(duckdb.connect(), folder)
    stage.begin("source.csv")
    for name, rows in tables.items():
        stage.add(name, _arrow(rows))
    folder.mkdir(parents=True, exist_ok=True)
    return stage.finish(folder)


def _arrow(rows: list[dict]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name == "attributes":
            columns[name] = pa.array(
                [list(value.items()) if value else None for value in values], pa.map_(pa.string(), pa.string())
            )
        else:
            columns[name] = pa.array(values)
    return pa.table(columns)


def read(path: Path) -> list[dict]:
    """Rows of a Parquet file."""
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()
