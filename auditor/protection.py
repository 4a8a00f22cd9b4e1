"""How an import protects what it stores: pseudonyms under the workspace's key, and what the policy keeps away is not stored."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor import policy as policy_module
from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditor.stage import Tables
    from auditor.workspace import Workspace


@dataclass(frozen=True)
class Guarded:
    """Protected tables of one source.

    Attributes:
        folder: one Parquet file a table, and those of sealed fields.
        treated: field -> open | pseudonym | seal | drop.
        notes: sentences for the user.
        moves: further files to put in place with them, such as grants.
    """

    folder: Path
    treated: Mapping[str, str]
    notes: tuple[str, ...]
    moves: Mapping[Path, Path] = field(default_factory=dict)


def pseudonym_key(space: Workspace) -> bytes:
    """The workspace's key of pseudonyms, made where there is none; only this machine's user can read it."""
    path = space.state / "pseudonym.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32).hex().encode())
    return policy_module.read_key(path)[0]


def protect(space: Workspace, tables: Tables, folder: Path) -> Guarded:
    """Write what may be stored of `tables` into `folder`."""
    folder.mkdir()
    rules = space.policy()
    opened = policy_module.open_tables(tables, rules, pseudonym_key(space), stable=True, work=folder)
    for table in TABLES:
        target = folder / f"{table}.parquet"
        if opened.tables.paths[table] != target:
            opened.tables.paths[table].rename(target)
    treated = dict.fromkeys(opened.hidden, "drop")
    return Guarded(folder, treated, opened.notes)
