"""The door at which tables are written: what a workspace keeps of each field, as `policies/fields.toml` says.

    open       as it is
    pseudonym  a keyed pseudonym
    drop       NULL
    seal       NULL in `TABLE.parquet`; a cell in `TABLE.sealed.parquet`, beside the table's key columns, row by row the same

A sealed attribute is taken out of the MAP and becomes a sealed column of its own, `attributes.NAME`. The key columns
are those that stand in
the table (after pseudonymisation), so cells can be joined back; they are the row id that each cell is bound to.

Column keys: who may open a field gets the key wrapped (`grants/`), nobody else, and no key is written anywhere else. Whoever
imports again with an identity that the policy permits `import` keeps the keys, and unchanged cells keep their bytes;
without one, or where somebody's access ended, the next epoch begins with a new key and all cells are new.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.engines import duckdb as engine
from auditor.errors import InputError
from auditor.files import replacing, write_text
from auditor.protection import grant, hide, policy, seal
from auditor.protection.column_key import Sealing, keys_for
from auditor.stage import Tables
from auditor.tables import ROW_GROUP, TABLES, present_columns, quoted, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection

    from auditor.protection.column_key import ColumnKey
    from auditor.protection.policy import Policy

__all__ = ["Protected", "Sealing", "opened", "protect", "sealed_fields", "sealed_file"]

FORMAT = "label-auditor/sealed-table/v1"


@dataclass(frozen=True)
class Protected:
    """Tables as a workspace keeps them.

    Attributes:
        tables: with NULL where something is dropped or sealed.
        sealed: table -> its file of cells, for tables that have one.
        grants: the grant files, written.
        hidden: "table.column" or "table.attributes.name" -> what to do if it should be shown; goes into `run.Session`.
        notes: sentences for the user.
    """

    tables: Tables
    sealed: Mapping[str, Path]
    grants: tuple[Path, ...]
    hidden: Mapping[str, str]
    notes: tuple[str, ...]


def sealed_file(folder: Path, table: str) -> Path:
    """Where a table's cells stand."""
    return folder / f"{table}.sealed.parquet"


def protect(
    tables: Tables, rules: Policy, key: bytes, *, stable: bool, folder: Path, work: Path, sealing: Sealing | None = None,
    memory: str = engine.DEFAULT_MEMORY,
) -> Protected:  # fmt: skip
    """Write clear tables as the policy says; first the grants, then the cells, then the tables, each file all or nothing.

    Args:
        tables: canonical tables in clear.
        rules: what is kept of which field.
        key: for pseudonyms.
        stable: the key is the user's.
        folder: where the tables go; must not be where the clear ones are.
        work: a private folder, for spilling.
        sealing: what is needed where a field is sealed.
        memory: DuckDB's memory limit.

    Raises:
        UsageError: a field is to be sealed without `sealing`.
        InputError: a field would be sealed to nobody, or a grant that is there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    con = engine.connect(work, memory)
    try:
        engine.add_views(con, {f"clear_{name}": path for name, path in tables.paths.items()})
        for macro in hide.macros(key):
            con.execute(macro)
        personal = hide.personal_ids(con, tables)
        plans = {
            name: hide.plan(con, name, tables.present[name], rules, personal=personal, relation=f"clear_{name}") for name in TABLES
        }
        columns, grants, notes = keys_for(con, plans, sealing)
        files = []
        for one in grants:
            assert sealing is not None
            file = grant.path(sealing.written, one.dataset, one.column)
            if not file.is_file() or file.read_text(encoding="utf-8") != one.text():
                write_text(file, one.text())
            files.append(file)
        paths, present, sealed = dict(tables.paths), dict(tables.present), {}
        for name, plan in plans.items():
            target = folder / f"{name}.parquet"
            if plan.sealed and sealing is not None:
                sealed[name] = sealed_file(folder, name)
                _write_cells(con, name, plan, columns, sealing.dataset, sealed[name])
            else:
                # What another import left here is not of these tables.
                sealed_file(folder, name).unlink(missing_ok=True)
            if plan.changed:
                write_parquet(con, f'SELECT {plan.select} FROM "clear_{name}"', TABLES[name].key, target)
                present[name] = present_columns(target) if tables.rows[name] else frozenset()
            else:
                _same(tables.paths[name], target)
            paths[name] = target
    finally:
        con.close()
    hidden = {f"{name}.{field}": policy.allow(name, field) for name, plan in plans.items() for field in plan.gone}
    hidden |= {f"{name}.{field}": policy.sealed(f"{name}.{field}") for name, plan in plans.items() for field in plan.sealed}
    used = [f"{name}.{attribute}" for name, plan in plans.items() for attribute in plan.pseudonyms]
    notes += policy.told(used, personal=personal, stable=stable)
    done = Tables(paths, tables.rows, present, tables.media, tables.notes)
    return Protected(done, sealed, tuple(files), hidden, notes)


def _same(source: Path, target: Path) -> None:
    """The file under another name: a link where that is possible, since neither is ever changed in place."""
    with replacing(target) as temporary:
        temporary.unlink()
        with contextlib.suppress(OSError):
            os.link(source, temporary)
        if not temporary.exists():
            shutil.copyfile(source, temporary)


def _write_cells(con: Connection, name: str, plan: hide.Plan, columns: Mapping[str, ColumnKey], dataset: str, path: Path) -> None:
    """Write a table's cells, in the order of the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = TABLES[name].key
    values = {part: columns[f"{name}.{part}"] for part in plan.sealed}
    selected = [f"{plan.columns[column]} AS {quoted(column)}" for column in keys]
    selected += [f"{sql} AS {quoted(part)}" for part, sql in plan.sealed.items()]
    order = ", ".join(quoted(column) for column in keys)
    reader = con.sql(f'SELECT {", ".join(selected)} FROM "clear_{name}" ORDER BY {order}').to_arrow_reader(ROW_GROUP)
    epochs = {part: column.place.epoch for part, column in values.items()}
    schema = pa.schema(
        [*(reader.schema.field(column) for column in keys), *(pa.field(part, pa.binary(), nullable=False) for part in values)],
        {"auditor.format": FORMAT, "auditor.dataset": dataset, "auditor.table": name, "auditor.epochs": json.dumps(epochs)},
    )
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression="zstd", compression_level=1, use_dictionary=list(keys), write_statistics=list(keys)
        ) as writer,
    ):
        for chunk in _chunks(reader):
            rows = seal.row_ids([chunk.column(column).combine_chunks() for column in keys])
            cells = [seal.seal(_one(chunk, part), rows, one.key, one.place, one.padding) for part, one in values.items()]
            writer.write_table(
                pa.table([*(chunk.column(column) for column in keys), *cells], schema=schema), row_group_size=ROW_GROUP
            )


def _one(chunk: pa.Table, column: str) -> pa.Array:
    return chunk.column(column).combine_chunks()


def _chunks(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Tables of exactly one row group, so that a file's bytes do not depend on how rows were handed over."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        held.append(batch)
        count += batch.num_rows
        while count >= ROW_GROUP:
            whole = pa.Table.from_batches(held)
            yield whole.slice(0, ROW_GROUP)
            held = whole.slice(ROW_GROUP).to_batches()
            count -= ROW_GROUP
    if count:
        yield pa.Table.from_batches(held)


def opened(folder: Path, rules: Policy, media: Path | None = None) -> policy.Opened:
    """Tables that `protect` wrote, as checks may see them: they are so already.

    Args:
        folder: where they stand.
        rules: says which columns were dropped.
        media: where the items' media are, if that is known.

    Returns:
        The tables, and what is hidden in them, for `run.Session`.
    """
    import pyarrow.parquet as pq

    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    rows = {name: pq.read_metadata(path).num_rows for name, path in paths.items()}
    present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
    hidden = {field: policy.sealed(field) for field in sealed_fields(folder)}
    for field, rule in rules.rules.items():
        table, _, column = field.partition(".")
        if rule.treatment == "drop" and rows[table] and column in TABLES[table].columns and column not in present[table]:
            hidden.setdefault(field, policy.allow(table, column))
    return policy.Opened(Tables(paths, rows, present, media, ()), hidden, (), stable=True)


def sealed_fields(folder: Path) -> list[str]:
    """The fields that have cells in a folder of tables.

    Raises:
        InputError: a file of cells is damaged.
    """
    import pyarrow.parquet as pq

    found = []
    for name, table in TABLES.items():
        path = sealed_file(folder, name)
        if path.is_file():
            with whole(path):
                found += [f"{name}.{column}" for column in pq.read_schema(path).names if column not in table.key]
    return sorted(found)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[None]:
    """Reading a file that somebody may have altered: whatever Arrow says of it, it is damaged.

    Raises:
        InputError: it is.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, KeyError, ValueError, OverflowError) as error:
        raise InputError(path, "", "is damaged", "restore the data from DVC, or import the source again") from error
