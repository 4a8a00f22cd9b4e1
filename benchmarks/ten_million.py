"""All checks on ten million annotations, beside a bare scan that hashes every column of the same files."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.timing import as_base_install

ROWS = 10_000_000
VOTES = 3
MEMORY = "1GB"


def generate(folder: Path) -> None:
    """Canonical tables: ten million class votes of 1,000 annotators on items with text and split, two groups of people."""
    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES, select_typed, write_parquet

    queries = {
        "annotation": f"""
            SELECT 'a' || lpad(i::VARCHAR, 9, '0') AS annotation_id, 'item-' || lpad((i // {VOTES})::VARCHAR, 8, '0') AS item_id,
                   'label' AS task, 'class' AS type, 'ann-' || (hash(i, 1) % 1000) AS annotator_id, 'human' AS source,
                   'class ' || CASE WHEN hash(i, 2) % 10 < 8 THEN hash(i // {VOTES}) % 5 ELSE hash(i, 3) % 5 END AS label,
                   TIMESTAMP '2026-01-01' + to_seconds(i) AS created_at, 2 + (hash(i, 4) % 200) / 10.0 AS seconds
            FROM range({ROWS}) t(i)""",
        "item": f"""
            SELECT 'item-' || lpad(i::VARCHAR, 8, '0') AS item_id, 'text' AS media, 'text of item ' || (i % {ROWS // VOTES - 50}) AS text,
                   CASE WHEN hash(i) % 10 < 8 THEN 'train' ELSE 'test' END AS split
            FROM range({ROWS // VOTES + 1}) t(i)""",
        "annotator": """
            SELECT 'ann-' || i AS annotator_id, 'person' AS kind, MAP {'group': 'g' || (i % 2)} AS attributes FROM range(1000) t(i)""",
        "ontology": "SELECT 'label' AS task, 'class ' || i AS label, true AS exclusive FROM range(5) t(i)",
    }
    folder.mkdir(parents=True, exist_ok=True)
    con = engine.connect(folder, "4GB")
    for name, table in TABLES.items():
        query = queries.get(name)
        relation = f"({query})" if query else "(SELECT 1 WHERE false)"
        present = set(con.sql(f"{query} LIMIT 0").columns) if query else set()
        write_parquet(con, select_typed(relation, present, table.columns), table.key, folder / f"{name}.parquet")
    con.close()


def scan(folder: Path) -> None:
    """The peer: every column of every table hashed once."""
    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES

    con = engine.connect(folder, MEMORY)
    for name, table in TABLES.items():
        hashed = ", ".join(f'bit_xor(hash("{column}"))' for column in table.columns)
        con.execute(f"SELECT {hashed} FROM read_parquet('{folder / name}.parquet')").fetchall()


def audit(folder: Path) -> None:
    """Every built-in check that applies, with the measures they need."""
    from auditor import check, content, finding, measure
    from auditor.engines import duckdb as engine
    from auditor.run import Session, run_check
    from auditor.stage import Tables
    from auditor.tables import TABLES, present_columns

    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    con = engine.connect(folder, MEMORY)
    rows = {name: con.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0] for name, path in paths.items()}
    present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
    binder = check.Binder(measure.columns())
    session = Session(Tables(paths, rows, present, None, ()), folder / "measures", folder, binder, memory=MEMORY)
    finding.create(con)
    ran = 0
    for one in check.load_folder(content.folder("checks"), binder, builtin=True):
        params = {name: param.value for name, param in one.header.params.items()}
        result = run_check(session, one, params, lambda reader, one=one: finding.add(con, one, reader, severity="error"))
        ran += result.outcome == "found"
        if result.outcome != "skipped":
            sys.stderr.write(f"{result.seconds:7.2f} s {result.findings:>9,} {result.outcome} {one.id} {result.reason[:90]}\n")
    for name, seconds in sorted(session.seconds.items(), key=lambda entry: -entry[1]):
        if seconds > 0.05:
            sys.stderr.write(f"{seconds:7.2f} s measure {name}\n")
    sys.stderr.write(f"{ran} checks ran\n")


if __name__ == "__main__":
    as_base_install()
    {"generate": generate, "ours": audit, "peer": scan}[sys.argv[1]](Path(sys.argv[2]))
