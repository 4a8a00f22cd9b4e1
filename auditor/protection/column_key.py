"""The key of each sealed column at an import: the one that is there, or a new one; and the grant that wraps it.

A key stays where whoever imports has an identity that the policy permits the purpose `import`, somebody so permitted has signed the
grant as it is, and nobody lost access since; then wraps that stay keep their bytes, too. Else the next epoch begins with a new
key: somebody who lost access knows the old one, and one that nobody vouches for may be anybody's. Grants of earlier
epochs stay, for
old releases, wrapped to those who may open the field now.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import AccessError, InputError, UsageError
from auditor.protection import access as policies
from auditor.protection import encoding, grant, ledger, seal
from auditor.tables import ROW_GROUP

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection

    from auditor.protection.access import Access
    from auditor.protection.grant import Grant, Permitted
    from auditor.protection.hide import Plan
    from auditor.protection.identity import Identity
    from auditor.protection.recipient import Recipient

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
class ColumnKey:
    """One field that is sealed: its key, and how."""

    key: bytes
    place: seal.Place
    padding: seal.Padding


def keys_for(
    con: Connection, plans: Mapping[str, Plan], sealing: Sealing | None
) -> tuple[dict[str, ColumnKey], list[Grant], tuple[str, ...]]:
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
    if sealing is not None:
        grants += _others(sealing, set(columns))
    return columns, grants, tuple(notes)


def _others(sealing: Sealing, here: set[str]) -> list[Grant]:
    """Grants of columns that these tables do not have: old releases do, and nobody keeps a wrap who may not open them any more."""
    found = []
    for column in grant.columns(sealing.grants, sealing.dataset):
        old = grant.read(sealing.grants, sealing.dataset, column)
        if old is None or column in here:
            continue
        allowed = policies.permitted(sealing.access, column, sealing.at, sealing.dataset)
        place = seal.Place(sealing.dataset, column, 1)
        epochs = [_updated(one, place, allowed, sealing, None) for one in old.epochs]
        found.append(_grant(sealing.dataset, column, epochs))
    return found


def _updated(
    epoch: grant.Epoch, place: seal.Place, allowed: Sequence[Permitted], sealing: Sealing, key: bytes | None
) -> grant.Epoch:
    """The epoch with wraps for those who may; signed anew where that changed it."""
    there = grant.at_epoch(place, epoch.epoch)
    made = grant.update(epoch, there, allowed, sealing.access.digest, key)
    return made if made == epoch else grant.sign(made, there, sealing.identity)


def _key(con: Connection, field: str, sql: str, table: str, sealing: Sealing) -> tuple[ColumnKey, Grant, list[str]]:
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
    type_, lengths, distinct = _facts(con, sql, table)
    padding = seal.Padding(last.padding, last.width) if last else None
    if padding is None or not padding.fits(lengths):
        padding = seal.choose_padding(type_, lengths, distinct)
    place = seal.Place(sealing.dataset, field, last.epoch if last else 1)
    if old is None or last is None:
        return _new(place, padding, allowed, sealing, [], [])
    gone = grant.revoked(last, allowed)
    known = _known(old, place, sealing)
    earlier = [_updated(one, place, allowed, sealing, known.get(one.epoch)) for one in old.epochs]
    if gone:
        why = f"{', '.join(gone)} may not open it any more"
    elif place.epoch not in known or last.kem != allowed[0].recipient.kem:
        why = "nobody who may import opened the old one"
    elif not grant.vouched(last, place, _importers(field, sealing)):
        why = "nobody who may import has signed for the old one"
    else:
        same = (padding.kind, padding.width) == (last.padding, last.width)
        kept = earlier[-1] if same else grant.sign(
            earlier[-1].model_copy(update={"padding": padding.kind, "width": padding.width}), place, sealing.identity
        )  # fmt: skip
        return ColumnKey(known[place.epoch], place, padding), _grant(sealing.dataset, field, [*earlier[:-1], kept]), []
    if place.epoch == seal.LAST_EPOCH:
        file = grant.path(sealing.grants, sealing.dataset, field)
        raise InputError(file, "epochs", "there is no epoch after this one", "begin a new dataset")
    place = grant.at_epoch(place, place.epoch + 1)
    note = f"{field} is sealed under a new key (epoch {place.epoch}): {why}; all its cells are new"
    return _new(place, padding, allowed, sealing, earlier, [note])


def _new(
    place: seal.Place,
    padding: seal.Padding,
    allowed: Sequence[Permitted],
    sealing: Sealing,
    earlier: list[grant.Epoch],
    notes: list[str],
) -> tuple[ColumnKey, Grant, list[str]]:
    key = seal.new_key()
    epoch = grant.sign(grant.new_epoch(key, place, padding, allowed, sealing.access.digest), place, sealing.identity)
    return ColumnKey(key, place, padding), _grant(sealing.dataset, place.column, [*earlier, epoch]), notes


def _importers(field: str, sealing: Sealing) -> list[Recipient]:
    """Whose signature under a key counts: those who may import the field."""
    purposes = [IMPORT] if IMPORT in sealing.access.purposes else []
    answers = policies.matrix(sealing.access, [field], sealing.at, sealing.dataset, purposes)
    return [sealing.access.recipients[name] for (name, _, _), one in answers.items() if one.allowed]


def _grant(dataset: str, field: str, epochs: list[grant.Epoch]) -> Grant:
    return grant.Grant(format=grant.FORMAT, dataset=dataset, column=field, epochs=tuple(epochs))


def _known(old: Grant, place: seal.Place, sealing: Sealing) -> dict[int, bytes]:
    """Epoch -> column key, of those that whoever imports may open; the ledger says that they were."""
    who = sealing.identity
    if who is None or IMPORT not in sealing.access.purposes or who.name not in sealing.access.recipients:
        return {}
    actor = policies.actor_named(sealing.access, who.name)
    answer = policies.decide(sealing.access, actor, place.column, IMPORT, sealing.at, sealing.dataset)
    if not answer.allowed:
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
    """A column's type, how many encodings have which length, and how many distinct values there are (257 stands for many)."""
    type_ = con.sql(f'SELECT {sql} AS value FROM "clear_{table}" LIMIT 0').to_arrow_table().schema.field(0).type
    lengths: Counter[int] = Counter()
    if encoding.fixed_width(type_):
        return type_, lengths, 0
    some = f'SELECT DISTINCT {sql} AS value FROM "clear_{table}" WHERE value IS NOT NULL LIMIT {seal.ENUMERATION + 1}'
    ((distinct,),) = con.execute(f"SELECT count(*) FROM ({some})").fetchall()
    if str(type_) == "string":
        # The code of the type, and UTF-8.
        rows = con.execute(
            f'SELECT 1 + strlen({sql}) AS n, count(*) FROM "clear_{table}" WHERE n IS NOT NULL GROUP BY n'
        ).fetchall()
        return type_, Counter(dict(rows)), distinct
    for batch in con.sql(f'SELECT {sql} AS value FROM "clear_{table}"').to_arrow_reader(ROW_GROUP):
        lengths.update(len(one) for one in encoding.encode(batch.column(0)) if one != encoding.NULL)
    return type_, lengths, distinct
