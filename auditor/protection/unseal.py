"""Opening sealed fields: policy, grant, ledger, key, cells, in this order.

A field is opened where the policy allows it for the purpose, a grant holds the key for this identity and has not
ended, and the entry in the
ledger is on disk. The dataset's name comes from where the tables stand, never from the file of cells: one from another
dataset does not open.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.engines import duckdb as engine
from auditor.errors import AccessError, InputError, UsageError
from auditor.protection import access as policies
from auditor.protection import grant, ledger, policy, seal
from auditor.protection.protect import FORMAT, sealed_fields, sealed_file, whole
from auditor.stage import Tables
from auditor.tables import ROW_GROUP, TABLES, literal, present_columns, quoted, write_parquet

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection

    from auditor.protection.access import Access
    from auditor.protection.identity import Identity

_HINT = "restore the data from DVC, or import the source again"


@dataclass(frozen=True)
class Opener:
    """Somebody who opens fields of a workspace.

    Attributes:
        identity: who.
        access: the workspace's policies.
        grants: its `grants` folder.
        ledger: its `ledger` folder.
    """

    identity: Identity
    access: Access
    grants: Path
    ledger: Path


@dataclass(frozen=True)
class Unprotected:
    """Tables for a run with an identity.

    Attributes:
        tables: with every field in clear that the identity may open; the rest as it was.
        opened: the fields that were opened.
        hidden: what is sealed still, for `run.Session`.
    """

    tables: Tables
    opened: tuple[str, ...]
    hidden: Mapping[str, str]


def open_field(opener: Opener, folder: Path, dataset: str, field: str, purpose: str, at: dt.datetime) -> pa.Table:
    """A sealed field in clear.

    Args:
        opener: who opens it, and where.
        folder: the dataset's tables.
        dataset: its name.
        field: such as "annotator.attributes.gender".
        purpose: what for; one of the policies' purposes.
        at: now.

    Returns:
        The table's key columns and `value`, in the order of the table.

    Raises:
        AccessError: the policy denies it, or there is no grant for this identity.
        UsageError: the field is not sealed here, or there is no such purpose.
        InputError: cells or grant were altered.
    """
    import pyarrow as pa

    table, part = _parts(folder, field)
    place, key = _release(opener, folder, dataset, field, purpose, at)
    chunks = list(_cells(folder, table, part, place, key))
    keys = TABLES[table].key
    empty = (
        pa.table({name: pa.array([], chunks[0].schema.field(name).type) for name in [*keys, "value"]}) if chunks else pa.table({})
    )
    return pa.concat_tables(chunks) if chunks else empty


def _parts(folder: Path, field: str) -> tuple[str, str]:
    there = sealed_fields(folder)
    if field not in there:
        raise UsageError(
            f"{field} is not sealed in {folder.name}", f"sealed are {', '.join(there)}" if there else "nothing is sealed there"
        )
    table, _, part = field.partition(".")
    return table, part


def _place(folder: Path, table: str, part: str, dataset: str) -> seal.Place:
    """Where the cells of a field say that they stand; they open only if that is true."""
    import pyarrow.parquet as pq

    file = sealed_file(folder, table)
    with whole(file):
        found = pq.read_schema(file).metadata or {}
        said = {key.decode(): value.decode() for key, value in found.items() if key.startswith(b"auditor.")}
    if said.get("auditor.format") != FORMAT:
        raise InputError(file, "", f"sealed cells of the unknown format {said.get('auditor.format')!r}", "upgrade label-auditor")
    if (said.get("auditor.dataset"), said.get("auditor.table")) != (dataset, table):
        raise InputError(file, "", f"holds cells of {said.get('auditor.dataset')}: {said.get('auditor.table')}", _HINT)
    try:
        epoch = json.loads(said["auditor.epochs"])[part]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(file, part, "no epoch is noted", _HINT) from error
    if not isinstance(epoch, int) or not 1 <= epoch <= seal.LAST_EPOCH:
        raise InputError(file, part, "the epoch noted is none", _HINT)
    return seal.Place(dataset, f"{table}.{part}", epoch)


def _release(opener: Opener, folder: Path, dataset: str, field: str, purpose: str, at: dt.datetime) -> tuple[seal.Place, bytes]:
    """The column key, once everything that stands before it has been passed."""
    table, part = _parts(folder, field)
    who = opener.identity
    decision = policies.demand(opener.access, who.name, field, purpose, at, dataset)
    place = _place(folder, table, part, dataset)
    epoch, wrap = grant.find(grant.read(opener.grants, dataset, field), place, who, at.date())
    entry: dict[str, str | int] = {
        "action": "open", "dataset": dataset, "field": field, "epoch": place.epoch, "purpose": purpose,
        "policies": ", ".join(decision.policies), "key_id": who.key_id,
    }  # fmt: skip
    ledger.append(opener.ledger, who.name, at, entry)
    return place, grant.unwrap_key(epoch, wrap, place, who)


def _type(part: str, table: str) -> pa.DataType:
    """The Arrow type of a field's clear values."""
    import duckdb
    import pyarrow as pa

    if part.startswith("attributes."):
        return pa.string()
    con = duckdb.connect()
    try:
        return con.sql(f"SELECT CAST(NULL AS {TABLES[table].columns[part].type}) AS value").to_arrow_table().schema.field(0).type
    finally:
        con.close()


def _cells(folder: Path, table: str, part: str, place: seal.Place, key: bytes) -> Iterator[pa.Table]:
    """Key columns and `value`, row group by row group: exactly the rows of the table beside which the cells stand."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys, type_ = list(TABLES[table].key), _type(part, table)
    cells, beside = sealed_file(folder, table), folder / f"{table}.parquet"
    with whole(cells), pq.ParquetFile(cells) as file, whole(beside), pq.ParquetFile(beside) as other:
        rows = other.iter_batches(ROW_GROUP, columns=keys)
        count = 0
        for batch in file.iter_batches(ROW_GROUP, columns=[*keys, part]):
            own, there = pa.table([batch.column(name) for name in keys], keys), next(rows, None)
            if there is None or not own.equals(pa.table([there.column(name) for name in keys], keys)):
                raise InputError(cells, "", f"its rows are not those of {beside.name}", _HINT)
            if not pa.types.is_binary(batch.column(part).type):
                raise InputError(cells, part, "holds no cells", _HINT)
            values = seal.unseal(batch.column(part), seal.row_ids([batch.column(name) for name in keys]), key, place, type_)
            count += batch.num_rows
            yield own.append_column("value", values)
        if count != other.metadata.num_rows:
            raise InputError(cells, "", f"has {count:,} rows, {beside.name} has {other.metadata.num_rows:,}", _HINT)


def unprotect(opener: Opener, tables: Tables, dataset: str, purpose: str, work: Path, at: dt.datetime) -> Unprotected:
    """Tables for a run with an identity: each field that it may open for the purpose is back in its place.

    Args:
        opener: who opens, and where.
        tables: protected tables, the cells beside them.
        dataset: its name.
        purpose: what for.
        work: a private folder (made 0700); everything clear is written there, and is the caller's to remove.
        at: now.

    Raises:
        UsageError: there is no such purpose.
        InputError: cells or grant were altered, or do not belong to the table.
    """
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    work.chmod(0o700)
    folder = next(iter(tables.paths.values())).parent
    hidden: dict[str, str] = {}
    done: list[str] = []
    paths, present = dict(tables.paths), dict(tables.present)
    clear: dict[str, dict[str, Path]] = {}
    for number, field in enumerate(sealed_fields(folder)):
        table, part = _parts(folder, field)
        try:
            place, key = _release(opener, folder, dataset, field, purpose, at)
        except AccessError:
            hidden[field] = policy.sealed(field)
            continue
        clear.setdefault(table, {})[part] = work / f"clear-{number}.parquet"
        _write_clear(_cells(folder, table, part, place, key), clear[table][part])
        done.append(field)
    con = engine.connect(work)
    try:
        for table, files in clear.items():
            paths[table] = work / f"{table}.parquet"
            _put_back(con, table, files, tables.paths[table], paths[table])
            present[table] = present_columns(paths[table])
    finally:
        con.close()
        for files in clear.values():
            for file in files.values():
                file.unlink()
    return Unprotected(Tables(paths, tables.rows, present, tables.media, tables.notes), tuple(done), hidden)


def _write_clear(cells: Iterator[pa.Table], target: Path) -> None:
    """Write opened values, in the order of the table."""
    import pyarrow.parquet as pq

    writer: Any = None
    try:
        for chunk in cells:
            writer = writer or pq.ParquetWriter(target, chunk.select(["value"]).schema)
            writer.write_table(chunk.select(["value"]))
    finally:
        if writer is not None:
            writer.close()


def _put_back(con: Connection, table: str, files: Mapping[str, Path], source: Path, target: Path) -> None:
    """Write the table with opened values in their columns, and opened attributes in their MAP (in the order of their names)."""
    joined, values, entries = [], {}, []
    for number, (part, file) in enumerate(files.items()):
        joined.append(
            f"JOIN read_parquet([{literal(str(file))}], file_row_number = true) AS v{number} "
            f"ON v{number}.file_row_number = t.file_row_number"
        )
        if part.startswith("attributes."):
            entries.append(f"struct_pack(key := {literal(part.removeprefix('attributes.'))}, value := v{number}.value)")
        else:
            values[part] = f"v{number}.value"
    if entries:
        added = f"list_filter([{', '.join(entries)}], lambda e: e.value IS NOT NULL)"
        all_ = f"list_sort(list_concat(coalesce(map_entries(t.attributes), []), {added}))"
        values["attributes"] = f"CASE WHEN len({all_}) > 0 THEN map_from_entries({all_}) END"
    selected = ", ".join(f'{values.get(column, f"t.{quoted(column)}")} AS "{column}"' for column in TABLES[table].columns)
    query = f"SELECT {selected} FROM read_parquet([{literal(str(source))}], file_row_number = true) AS t {' '.join(joined)}"
    write_parquet(con, query, TABLES[table].key, target)
