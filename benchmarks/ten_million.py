"""All checks on ten million annotations, beside a bare scan that hashes every column of the same files."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.tables import write
from benchmarks.timing import as_base_install

ROWS = 10_000_000
VOTES = 3
MEMORY = "1GB"


# Twenty-five checks of the kinds that every data set of votes is asked: schema, ontology, ids, copies, splits, balance, groups,
# contradiction, people. Others that apply are in the second line of the table.
TWENTY_FIVE = (
    "bias/annotator_concentration", "bias/class_imbalance", "bias/annotator_confusion", "bias/label_rate_by_group",
    "bias/missing_class_in_split", "bias/split_shift", "bias/unused_class", "consistency/bad_value",
    "consistency/class_name_variants", "consistency/contradictory_votes", "consistency/duplicate_id", "consistency/duplicate_item",
    "consistency/empty_label", "consistency/exact_duplicate_conflict", "consistency/exclusive_conflict", "consistency/missing_id",
    "consistency/negative_seconds", "consistency/orphan_annotation", "consistency/split_leak", "consistency/time_order",
    "consistency/undefined_class", "consistency/unlabelled_item", "outlier/low_agreement", "outlier/straight_line",
    "outlier/too_fast",
)  # fmt: skip


def generate(folder: Path) -> None:
    """Canonical tables: ten million class votes of 1,000 annotators on items with text and split, two groups of people."""
    write(folder, {
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
    })  # fmt: skip


def scan(folder: Path) -> None:
    """The peer: every column of every table hashed once."""
    from auditor.engines import duckdb as engine
    from auditor.tables import TABLES

    con = engine.connect(folder, MEMORY)
    for name, table in TABLES.items():
        hashed = ", ".join(f'bit_xor(hash("{column}"))' for column in table.columns)
        con.execute(f"SELECT {hashed} FROM read_parquet('{folder / name}.parquet')").fetchall()


def audit(folder: Path, chosen: tuple[str, ...] = ()) -> None:
    """The chosen built-in checks, or every one that applies, with the measures they need."""
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
        if chosen and one.id not in chosen:
            continue
        params = {name: param.value for name, param in one.header.params.items()}
        result = run_check(session, one, params, lambda reader, one=one: finding.add(con, one, reader, severity="error"))
        ran += result.outcome == "found"
        if result.outcome != "skipped":
            sys.stderr.write(f"{result.seconds:7.2f} s {result.findings:>9,} {result.outcome} {one.id} {result.reason[:90]}\n")
    for name, seconds in sorted(session.seconds.items(), key=lambda entry: -entry[1]):
        if seconds > 0.05:
            sys.stderr.write(f"{seconds:7.2f} s measure {name}\n")
    sys.stderr.write(f"{ran} checks ran\n")
    assert not chosen or ran == len(chosen), f"{ran} of {len(chosen)} ran"


if __name__ == "__main__":
    as_base_install()
    {"generate": generate, "ours": audit, "twenty_five": lambda folder: audit(folder, TWENTY_FIVE), "peer": scan}[sys.argv[1]](
        Path(sys.argv[2])
    )
