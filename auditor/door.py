"""The door of stored tables: what checks may see of a workspace's tables.

An import has protected them already: sealed and dropped fields are not in them, pseudonyms stand in place of what may not be shown.
A policy that became stricter since hides more here, at once; one that became looser takes another import, since what was not stored
cannot be shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.engines import duckdb as engine
from auditor.protection import policy as policy_module
from auditor.tables import TABLES, literal, present_columns, quoted, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from auditor.protection.policy import Policy
    from auditor.stage import Tables

AGAIN = "the policy has become stricter: import the source again"


@dataclass(frozen=True)
class Seen:
    """Stored tables as checks may see them.

    Attributes:
        tables: files without what the policy hides now.
        hidden: "table.column" or "table.attributes.name" -> what to do if it should be seen.
        notes: sentences for the user.
    """

    tables: Tables
    hidden: Mapping[str, str]
    notes: tuple[str, ...]


def treatments(sources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Field -> how imports stored it ("open", "pseudonym", "seal", "drop"); what one source sealed counts as sealed.

    >>> treatments([{"treated": {"annotator.name": "drop"}}, {"treated": {"annotator.name": "seal"}}])
    {'annotator.name': 'seal'}
    """
    found: dict[str, str] = {}
    for note in sources:
        for field, treatment in note.get("treated", {}).items():
            if found.get(field) != "seal":
                found[field] = treatment
    return found


def hidden_fields(policy: Policy, present: Mapping[str, Iterable[str]], treated: Mapping[str, str]) -> dict[str, str]:
    """Fields that no check may see -> what to do about it.

    Args:
        policy: as it is now.
        present: table -> columns that hold something.
        treated: field -> how it was stored.
    """
    found = {
        field: policy_module.sealed(field) if how == "seal" else policy_module.allow(*field.split(".", 1))
        for field, how in treated.items()
        if how in {"seal", "drop"}
    }
    fields = [f"{table}.{column}" for table, columns in present.items() for column in columns if column != "attributes"]
    fields += [field for field in treated if ".attributes." in field]
    for field in fields:
        show = policy.rule(field).show
        if field in found or show in {"yes", "auto"}:
            continue
        if show == "no":
            found[field] = policy_module.allow(*field.split(".", 1))
        elif treated.get(field) != "pseudonym":
            found[field] = AGAIN
    return dict(sorted(found.items()))


def open_stored(
    policy: Policy, stored: Tables, sources: Iterable[Mapping[str, Any]], work: Path, unsealed: frozenset[str] = frozenset()
) -> Seen:
    """Open stored tables under the policy as it is now.

    Args:
        policy: rules for fields.
        stored: the tables.
        sources: the notes of their imports.
        work: a private folder for tables that must be rewritten.
        unsealed: sealed fields that stand in clear in `stored`, opened by an identity for this run.
    """
    notes = list(sources)
    treated = {field: how for field, how in treatments(notes).items() if field not in unsealed}
    hidden = {field: why for field, why in hidden_fields(policy, stored.present, treated).items() if field not in unsealed}
    paths, present = dict(stored.paths), dict(stored.present)
    gone = {field: reason for field, reason in hidden.items() if treated.get(field) not in {"seal", "drop"}}
    for name in TABLES:
        columns = [field.split(".", 1)[1] for field in gone if field.startswith(f"{name}.")]
        if not columns or not stored.rows[name]:
            continue
        paths[name] = work / f"seen_{name}.parquet"
        con = engine.connect(work)
        try:
            engine.add_views(con, {"stored": stored.paths[name]})
            write_parquet(con, f"SELECT {_select(name, columns)} FROM stored", TABLES[name].key, paths[name])
        finally:
            con.close()
        present[name] = present_columns(paths[name])
    said = list(dict.fromkeys(sentence for note in notes for sentence in note.get("notes", ())))
    sealed = [field for field, how in treated.items() if how == "seal"]
    if sealed:
        said.append(f"sealed, so no check saw: {', '.join(sealed)}; who may runs auditor check --purpose PURPOSE")
    return Seen(replace(stored, paths=paths, present=present), hidden, tuple(said))


def _select(table: str, hidden: list[str]) -> str:
    keys = [name.split(".", 1)[1] for name in hidden if name.startswith("attributes.")]
    parts = []
    for column, spec in TABLES[table].columns.items():
        if column in hidden:
            parts.append(f"CAST(NULL AS {spec.type}) AS {quoted(column)}")
        elif column == "attributes" and keys:
            listed = ", ".join(map(literal, keys))
            parts.append(f"map_from_entries(list_filter(map_entries(attributes), lambda e: e.key NOT IN ({listed}))) AS attributes")
        else:
            parts.append(quoted(column))
    return ", ".join(parts)
