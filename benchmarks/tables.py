"""Canonical tables from queries, for data that benchmarks generate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, queries: dict[str, str]) -> None:
    """Write every canonical table into `folder`: the rows of its query, none where it has no query."""
    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES, select_typed, write_parquet

    folder.mkdir(parents=True, exist_ok=True)
    con = engine.connect(folder, "4GB")
    for name, table in TABLES.items():
        query = queries.get(name)
        relation = f"({query})" if query else "(SELECT 1 WHERE false)"
        present = set(con.sql(f"{query} LIMIT 0").columns) if query else set()
        write_parquet(con, select_typed(relation, present, table.columns), table.key, folder / f"{name}.parquet")
    con.close()
