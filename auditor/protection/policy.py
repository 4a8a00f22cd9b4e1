"""The policy's door: opens canonical tables so that checks see only what `policies/fields.toml` lets them see.

What may not be shown is replaced before a check, a measure or an output meets it, so nothing downstream has to remember to hide it:
a field is shown, shown as a keyed pseudonym (equal values stay equal), or absent. Pseudonyms are HMAC-SHA256 under a key that no
output holds; without a key of the user's they are made from a random one, and are not the same in the next run.
"""

from __future__ import annotations

import difflib
import json
import re
import secrets
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from auditor.engines import duckdb as engine
from auditor.errors import InputError, UsageError
from auditor.protection import hide
from auditor.protection.hide import looks_personal, pseudonym
from auditor.tables import TABLES, present_columns, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from auditor.stage import Tables

__all__ = ["FieldRule", "Opened", "Policy", "load", "looks_personal", "open_tables", "pseudonym", "read_key"]

Sensitivity = Literal["public", "internal", "personal", "special"]
Show = Literal["yes", "auto", "pseudonym", "no"]
Treatment = Literal["open", "pseudonym", "seal", "drop"]
# What stands in a workspace's tables of a field that checks see so; and what checks see of a field that is treated so.
_TREATMENT: dict[str, str] = {"yes": "open", "auto": "open", "pseudonym": "pseudonym", "no": "drop"}
_SHOW: dict[str, str] = {"open": "yes", "pseudonym": "pseudonym", "seal": "no", "drop": "no"}
MIN_KEY_BYTES = 16


class FieldRule(BaseModel):
    """What the policy says of one field.

    Attributes:
        sensitivity: public | internal | personal | special.
        show: what checks see: yes | auto | pseudonym | no.
        treatment: what is kept of it in a workspace: open | pseudonym | seal | drop; follows from `show` where it is not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    sensitivity: Sensitivity
    show: Show
    treatment: Treatment

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        """`show` and `treatment` say the same of two doors: one of them is enough."""
        if not isinstance(data, dict) or ("show" not in data and "treatment" not in data):
            return data
        show, treatment = data.get("show"), data.get("treatment")
        if show is None:
            return data | {"show": _SHOW.get(str(treatment), treatment)}
        return data if treatment is not None else data | {"treatment": _TREATMENT.get(str(show), show)}

    @model_validator(mode="after")
    def _agree(self) -> FieldRule:
        if _TREATMENT[self.show] != self.treatment and not (self.show == "no" and self.treatment == "seal"):
            raise ValueError(
                f"treatment {self.treatment} does not go with show {self.show}: write {_SHOW[self.treatment]}, or leave show out"
            )
        return self


# Said of an attribute that the policy does not name.
UNNAMED = FieldRule(sensitivity="personal", show="pseudonym", treatment="pseudonym")


@dataclass(frozen=True)
class Policy:
    """Rules for fields ("item.text") and attributes ("annotator.attributes.gender")."""

    rules: Mapping[str, FieldRule]

    def rule(self, field: str) -> FieldRule:
        """The rule for a field; an attribute that is not named counts as personal."""
        return self.rules.get(field, UNNAMED)

    def public(self, field: str) -> bool:
        """Whether a report for the public may show it."""
        return self.rule(field).sensitivity == "public"


@dataclass(frozen=True)
class Opened:
    """Tables as checks may see them.

    Attributes:
        tables: with pseudonyms and without hidden columns.
        hidden: "table.column" -> what to do if it should be shown.
        notes: sentences for the user about what is used and not shown.
        stable: findings are called by the same ids in the next run: nothing is a pseudonym, or the key is the user's.
        used: attributes that are shown as pseudonyms, such as "annotator.age".
    """

    tables: Tables
    hidden: Mapping[str, str]
    notes: tuple[str, ...]
    stable: bool
    used: tuple[str, ...] = ()


def load(*files: Path) -> Policy:
    """Read one or more fields.toml; entries of later files replace those of earlier ones.

    Raises:
        InputError: a file is not TOML, names a field that does not exist, or has a rule that is none.
    """
    rules: dict[str, FieldRule] = {}
    for file in files:
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(file, "", "cannot be read", "give a fields.toml") from error
        except tomllib.TOMLDecodeError as error:
            raise InputError(file, "", str(error), "correct the TOML") from error
        for table, fields in content.items():
            if table not in TABLES or not isinstance(fields, dict):
                raise InputError(file, f"[{table}]", "there is no such table", _near(table, TABLES))
            for name, value in fields.items():
                if name == "attributes":
                    rules |= {
                        f"{table}.attributes.{key}": _rule(file, f"{table}.attributes.{key}", rule) for key, rule in value.items()
                    }
                elif name not in TABLES[table].columns:
                    raise InputError(file, f"[{table}] {name}", "there is no such column", _near(name, TABLES[table].columns))
                else:
                    rules[f"{table}.{name}"] = rule = _rule(file, f"{table}.{name}", value)
                    if rule.treatment == "seal" and name in TABLES[table].key:
                        raise InputError(
                            file,
                            f"[{table}] {name}",
                            "a key column cannot be sealed: rows are told apart by it",
                            'write treatment = "pseudonym"',
                        )
    return Policy(rules)


def _rule(file: Path, field: str, value: object) -> FieldRule:
    try:
        return FieldRule.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([field, *(str(part) for part in first["loc"])])
        raise InputError(
            file,
            place,
            first["msg"].lower().removeprefix("value error, "),
            'write { sensitivity = "personal", show = "pseudonym" }',
        ) from error


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def read_key(file: Path | None) -> tuple[bytes, bool]:
    """The pseudonym key and whether it is the user's own (then pseudonyms are stable).

    Raises:
        UsageError: the file cannot be read or is too short to be a key.
    """
    if file is None:
        return secrets.token_bytes(32), False
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{file}: the key file cannot be read", "make one with: head -c 32 /dev/urandom > key") from error
    if len(key) < MIN_KEY_BYTES:
        raise UsageError(f"{file}: a key has at least {MIN_KEY_BYTES} bytes", "make one with: head -c 32 /dev/urandom > key")
    return key, True


def open_tables(tables: Tables, policy: Policy, key: bytes, *, stable: bool, work: Path) -> Opened:
    """Open tables for checks: a table in which something is hidden is rewritten under `work`, the others stay as they are.

    Args:
        tables: canonical tables in clear.
        policy: what may be shown.
        key: for pseudonyms.
        stable: the key is the user's.
        work: a private folder for the rewritten tables.
    """
    con = engine.connect(work)
    try:
        engine.add_views(con, {f"clear_{name}": path for name, path in tables.paths.items()})
        for macro in hide.macros(key):
            con.execute(macro)
        personal = hide.personal_ids(con, tables)
        paths, present = dict(tables.paths), dict(tables.present)
        hidden: dict[str, str] = {}
        used: list[str] = []
        for name in TABLES:
            plan = hide.plan(con, name, tables.present[name], policy, personal=personal, relation=f"clear_{name}")
            used += [f"{name}.{attribute}" for attribute in plan.pseudonyms]
            hidden |= {f"{name}.{field}": allow(name, field) for field in (*plan.gone, *plan.sealed)}
            if plan.changed:
                paths[name] = work / f"{name}.parquet"
                write_parquet(con, f'SELECT {plan.select} FROM "clear_{name}"', TABLES[name].key, paths[name])
                present[name] = present_columns(paths[name]) if tables.rows[name] else frozenset()
    finally:
        con.close()
    notes = told(used, personal=personal, stable=stable)
    done = replace(tables, paths=paths, present=present)
    return Opened(done, hidden, notes, stable or not (used or personal), tuple(used))


def told(used: Sequence[str], *, personal: bool, stable: bool) -> tuple[str, ...]:
    """Sentences for the user about what is used and not shown.

    Args:
        used: attributes that are shown as pseudonyms, such as "annotator.gender".
        personal: ids of annotators are shown as pseudonyms too.
        stable: the key is the user's.
    """
    notes = []
    if used:
        notes.append(f"used, shown as pseudonyms only: {', '.join(used)} (policies/fields.toml says what may be shown)")
    if personal:
        notes.append("annotator ids look like names or e-mail addresses: shown as pseudonyms")
    if (used or personal) and not stable:
        notes.append("pseudonyms, and the ids of findings about them, are new in every run: give --key-file FILE to keep them")
    return tuple(notes)


def allow(table: str, field: str) -> str:
    """What to do so that checks see a field.

    >>> allow("item", "text")
    'allow it in a --policy file: [item] text = { sensitivity = "internal", show = "yes" }'
    """
    part, _, name = field.rpartition(".")
    section = f"{table}.{part}" if part else table
    return f'allow it in a --policy file: [{section}] {name} = {{ sensitivity = "internal", show = "yes" }}'


def sealed(field: str) -> str:
    """What to say of a sealed field; `run` makes the reason of a skipped check from it.

    >>> sealed("annotator.attributes.gender")
    'needs annotator.attributes.gender: sealed; auditor open annotator.attributes.gender --purpose PURPOSE'
    """
    return f"needs {field}: sealed; auditor open {field} --purpose PURPOSE"


def naming(attributes: Iterable[str], used: Iterable[str]) -> dict[str, str]:
    """Attribute -> the line of a --policy file that lets findings name its values instead of pseudonyms.

    Args:
        attributes: names as findings give them, such as "age".
        used: what is shown as pseudonyms, such as "annotator.age".

    >>> naming(["age"], ["annotator.age", "item.site"])
    {'age': 'annotator.attributes.age = { sensitivity = "personal", show = "yes" }'}
    """
    known = [entry.partition(".") for entry in used]
    lines = {}
    for name in attributes:
        table = next((table for table, _, attribute in known if attribute == name), "annotator")
        written = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=True)
        lines[name] = f'{table}.attributes.{written} = {{ sensitivity = "personal", show = "yes" }}'
    return lines
