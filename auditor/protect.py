"""The door at which tables are written: what a workspace keeps of each field, as `policies/fields.toml` says.

    open       as it is
    pseudonym  a keyed pseudonym
    drop       NULL
    seal       NULL in `TABLE.parquet`; a cell in `TABLE.sealed.parquet`, beside the table's key columns, row by row the same

A sealed attribute is taken out of the MAP and becomes a sealed column of its own, `attributes.NAME`. The key columns are those that stand in
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
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import access as policies
from auditor import encoding, grant, hide, ledger, policy, seal
from auditor.engines import duckdb as engine
from auditor.errors import AccessError, InputError, UsageError
from auditor.files import replacing, write_text
from auditor.stage import Tables
from auditor.tables import ROW_GROUP, TABLES, present_columns, quoted, write_parquet

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection

    from auditor.access import Access
    from auditor.grant import Grant
    from auditor.identity import Identity
    from auditor.policy import Policy

FORMAT = "label-auditor/sealed-table/v1"
IMPORT = "import"  # The purpose for which whoever imports again opens the keys that are there.


@dataclass(frozen=True)
class Sealing:
    """What is needed to seal.

    Attributes:
        dataset: the dataset's name: cells and grants are bound to it.
        access: who may open what.
        grants: the workspace's `grants` as they are.
        written: where new grants go: the same folder, or one that will take its place.
        ledger: the workspace's `ledger`.
        at: now.
        identity: of whoever imports, if they have one: keeps the keys where the policy permits it.
    """

    dataset: str
    access: Access
    grants: Path
    written: Path
    ledger: Path
    at: dt.datetime
    identity: Identity | None = None


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


@dataclass(frozen=True)
class _Column:
    """One field that is sealed: its key, and how."""

    key: bytes
    place: seal.Place
    padding: seal.Padding


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
        columns, grants, notes = _columns(con, plans, sealing)
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


def _columns(
    con: Connection, plans: Mapping[str, hide.Plan], sealing: Sealing | None
) -> tuple[dict[str, _Column], list[Grant], tuple[str, ...]]:
    """A key for every field that is sealed, its grant, and what to say of it. Nothing is written yet."""
    columns, grants = {}, []
    notes: list[str] = []
    for name, plan in plans.items():
        for part, sql in plan.sealed.items():
            field = f"{name}.{part}"
            if sealing is None:
                raise UsageError(
                    f"{field} is to be sealed, which needs a workspace", 'import it into one, or write treatment = "drop"'
                )
            column, made, said = _key(con, field, sql, name, sealing)
            columns[field] = column
            grants.append(made)
            notes += said
    return columns, grants, tuple(notes)


def _key(con: Connection, field: str, sql: str, table: str, sealing: Sealing) -> tuple[_Column, Grant, list[str]]:
    """The column key of a field: the one that is there if it can be opened and nobody lost access, else a new one."""
    allowed = policies.permitted(sealing.access, field, sealing.at, sealing.dataset)
    if not allowed:
        raise InputError(
            sealing.access.file, "", f"nobody may open {field}: sealed, it would be lost",
            "let a policy permit it to somebody in policies/recipients/ (auditor identity new), "
            'or write treatment = "drop" in policies/fields.toml',
        )  # fmt: skip
    old = grant.read(sealing.grants, sealing.dataset, field)
    last = old.epochs[-1] if old else None
    digest = sealing.access.digest
    type_, lengths, distinct = _facts(con, sql, table)
    padding = seal.Padding(last.padding, last.width) if last else None
    if padding is None or not padding.fits(lengths):
        padding = seal.choose_padding(type_, lengths, distinct)
    place = seal.Place(sealing.dataset, field, last.epoch if last else 1)
    if old is None or last is None:
        key = seal.new_key()
        epoch = grant.new_epoch(key, place, padding, allowed, digest)
        return _Column(key, place, padding), _grant(sealing.dataset, field, [epoch]), []
    gone = grant.revoked(last, allowed)
    known = _known(old, place, sealing)
    earlier = [grant.update(one, grant.at_epoch(place, one.epoch), allowed, digest, known.get(one.epoch)) for one in old.epochs]
    if not gone and place.epoch in known and last.kem == allowed[0].recipient.kem:
        kept = earlier[-1].model_copy(update={"padding": padding.kind, "width": padding.width})
        return _Column(known[place.epoch], place, padding), _grant(sealing.dataset, field, [*earlier[:-1], kept]), []
    if place.epoch == seal.LAST_EPOCH:
        raise InputError(
            grant.path(sealing.grants, sealing.dataset, field), "epochs", "there is no epoch after this one", "begin a new dataset"
        )
    place, key = grant.at_epoch(place, place.epoch + 1), seal.new_key()
    why = f"{', '.join(gone)} may not open it any more" if gone else "nobody who may import opened the old one"
    note = f"{field} is sealed under a new key (epoch {place.epoch}): {why}; all its cells are new"
    epoch = grant.new_epoch(key, place, padding, allowed, digest)
    return _Column(key, place, padding), _grant(sealing.dataset, field, [*earlier, epoch]), [note]


def _grant(dataset: str, field: str, epochs: list[grant.Epoch]) -> Grant:
    return grant.Grant(format=grant.FORMAT, dataset=dataset, column=field, epochs=tuple(epochs))


def _known(old: Grant, place: seal.Place, sealing: Sealing) -> dict[int, bytes]:
    """Epoch -> column key, of those that whoever imports may open; the ledger says that they were."""
    who = sealing.identity
    if who is None or who.name not in sealing.access.recipients:
        return {}
    answer = policies.decide(
        sealing.access, sealing.access.actor(who.name), place.column, IMPORT, sealing.at, sealing.dataset
    ) if IMPORT in sealing.access.purposes else None  # fmt: skip
    if answer is None or not answer.allowed:
        return {}
    found = {}
    for one in old.epochs:
        there = grant.at_epoch(place, one.epoch)
        with contextlib.suppress(AccessError):
            found[one.epoch] = (there, *grant.find(old, there, who, sealing.at.date()))
    if found:
        ledger.append(
            sealing.ledger, who.name, sealing.at,
            {
                "action": "import", "dataset": place.dataset, "field": place.column, "epoch": max(found), "purpose": IMPORT,
                "policies": ", ".join(answer.policies), "key_id": who.key_id,
            },
        )  # fmt: skip
    return {number: grant.unwrap_key(epoch, wrap, there, who) for number, (there, epoch, wrap) in found.items()}


def _facts(con: Connection, sql: str, table: str) -> tuple[pa.DataType, Counter[int], int]:
    """A column's type, how many encodings have which length, and how many distinct values there are (counted a little beyond an enumeration)."""
    type_ = con.sql(f'SELECT {sql} AS value FROM "clear_{table}" LIMIT 0').to_arrow_table().schema.field(0).type
    lengths: Counter[int] = Counter()
    if encoding.fixed_width(type_):
        return type_, lengths, 0
    few = f'SELECT count(*) FROM (SELECT DISTINCT {sql} AS value FROM "clear_{table}" WHERE value IS NOT NULL LIMIT {seal.ENUMERATION + 1})'
    ((distinct,),) = con.execute(few).fetchall()
    if str(type_) == "string":
        # The code of the type, and UTF-8.
        rows = con.execute(
            f'SELECT 1 + strlen({sql}) AS n, count(*) FROM "clear_{table}" WHERE n IS NOT NULL GROUP BY n'
        ).fetchall()
        return type_, Counter(dict(rows)), distinct
    for batch in con.sql(f'SELECT {sql} AS value FROM "clear_{table}"').to_arrow_reader(ROW_GROUP):
        lengths.update(len(one) for one in encoding.encode(batch.column(0)) if one != encoding.NULL)
    return type_, lengths, distinct


def _write_cells(con: Connection, name: str, plan: hide.Plan, columns: Mapping[str, _Column], dataset: str, path: Path) -> None:
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
    """The fields that have cells in a folder of tables."""
    import pyarrow.parquet as pq

    found = []
    for name, table in TABLES.items():
        path = sealed_file(folder, name)
        if path.is_file():
            found += [f"{name}.{column}" for column in pq.read_schema(path).names if column not in table.key]
    return sorted(found)
