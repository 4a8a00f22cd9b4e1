"""How an import protects what a workspace stores: `protect` with the workspace's own key, policies, recipients and grants."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.engines import duckdb as engine
from auditor.errors import AuditorError, UsageError
from auditor.protection import access, classify, identity, policy, protect, vault
from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditor.protection.identity import Identity
    from auditor.protection.policy import Policy
    from auditor.stage import Tables
    from auditor.workspace import Workspace


@dataclass(frozen=True)
class Guarded:
    """Protected tables of one source, ready to be put in place.

    Attributes:
        folder: one Parquet file a table, and those of sealed cells.
        treated: field -> open | pseudonym | seal | drop, for every field that is not simply open.
        notes: sentences for the user.
        moves: grant files to put in place with them: new file -> target.
    """

    folder: Path
    treated: Mapping[str, str]
    notes: tuple[str, ...]
    moves: Mapping[Path, Path]


def pseudonym_key(space: Workspace) -> bytes:
    """The workspace's key of pseudonyms, made where there is none; only this machine's user can read it."""
    path = space.state / "pseudonym.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32).hex().encode())
    return policy.read_key(path)[0]


def key_id(key: bytes) -> str:
    """By what a key of pseudonyms is known, without telling it.

    >>> len(key_id(b"k" * 32))
    16
    """
    return hashlib.sha256(b"label-auditor/pseudonym-key-id/1" + key).hexdigest()[:16]


def verify_key(space: Workspace, *, anew: bool) -> str:
    """The id of this machine's key of pseudonyms, if the sources that are there were imported under the same.

    Raises:
        UsageError: they were imported under another; pseudonyms, and the ids made from them, would all change.
    """
    mine = key_id(pseudonym_key(space))
    others = [name for name, note in space.sources().items() if note.get("pseudonym_key", mine) != mine]
    if others and not anew:
        raise UsageError(
            f"{others[0]} was imported under another key of pseudonyms than this machine's: people and ids would get other names",
            "bring .auditor/pseudonym.key from the machine of that import, by a private way; or accept that: --new-pseudonyms",
        )
    return mine


def guard(space: Workspace, tables: Tables, name: str, work: Path, who: Identity | None, memory: str) -> Guarded:
    """Write what may be stored of a source's clear tables.

    Args:
        space: the workspace; nothing in it is changed.
        tables: in clear, in a private folder.
        name: the source's; cells and grants are bound to it.
        work: a private folder.
        who: the identity of whoever imports, if they have one: keeps the column keys where the policy permits it.
        memory: DuckDB's memory limit.

    Raises:
        AuditorError: a field has no rule in policies/fields.toml; the hint is the lines to put there.
        InputError: a field would be sealed to nobody.
    """
    rules = space.policy()
    unknown = classify.unclassified(tables, rules, work)
    if unknown:
        listed = ", ".join(one.field for one in unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise AuditorError(
            f"nobody has decided what may be stored and shown of {listed}",
            f"put this into policies/fields.toml, as it is or changed:\n\n{classify.lines(unknown)}",
        )
    sealing = protect.Sealing(
        name,
        access.load(space.root / "policies", rules),
        space.root / "grants",
        work / "grants",
        space.root / "ledger",
        vault.now(),
        who,
    )
    done = protect.protect(
        tables,
        rules,
        pseudonym_key(space),
        stable=True,
        folder=work / "guarded",
        work=work / "protecting",
        sealing=sealing,
        memory=memory,
    )
    moves = {path: space.root / "grants" / path.relative_to(work / "grants") for path in done.grants}
    return Guarded(work / "guarded", _treated(done, rules, work), done.notes, moves)


def _treated(done: protect.Protected, rules: Policy, work: Path) -> dict[str, str]:
    """What became of each field: read from what was written, not from what was meant."""
    sealed = set(protect.sealed_fields(done.tables.paths["item"].parent))
    found = {field: "seal" if field in sealed else "drop" for field in done.hidden}
    for table in TABLES:
        for column in sorted(done.tables.present[table]):
            if column == "attributes":
                for key in _attribute_names(done.tables.paths[table], work):
                    field = f"{table}.attributes.{key}"
                    found[field] = rules.rule(field).treatment
            elif rules.rule(f"{table}.{column}").treatment == "pseudonym":
                found[f"{table}.{column}"] = "pseudonym"
    return dict(sorted(found.items()))


def _attribute_names(path: Path, work: Path) -> list[str]:
    con = engine.connect(work)
    try:
        engine.add_views(con, {"one": path})
        return [
            str(key)
            for (key,) in con.execute("SELECT DISTINCT unnest(map_keys(attributes)) AS key FROM one ORDER BY key").fetchall()
        ]
    finally:
        con.close()


def identity_of(file: Path | None, passphrase_file: Path | None) -> Identity | None:
    """The identity of whoever runs the command, where there is one: as given, else the one of their account."""
    path = vault.identity_file(file)
    if file is None and not path.is_file():
        return None
    return identity.load(path, vault.passphrase(passphrase_file))
