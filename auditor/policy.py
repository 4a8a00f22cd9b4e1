"""The policy's door: opens canonical tables so that checks see only what `policies/fields.toml` lets them see.

What may not be shown is replaced before a check, a measure or an output meets it, so nothing downstream has to remember to hide it:
a field is shown, shown as a keyed pseudonym (equal values stay equal), or absent. Pseudonyms are HMAC-SHA256 under a key that no
output holds; without a key of the user's they are made from a random one, and are not the same in the next run.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import json
import re
import secrets
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from auditor.engines import duckdb as engine
from auditor.errors import InputError, UsageError
from auditor.tables import TABLES, literal, present_columns, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import duckdb

    from auditor.stage import Tables

Show = Literal["yes", "auto", "pseudonym", "no"]
MIN_KEY_BYTES = 16


class FieldRule(BaseModel):
    """What the policy says of one field."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sensitivity: Literal["public", "internal", "personal", "special"]
    show: Show


# Said of an attribute that the policy does not name.
UNNAMED = FieldRule(sensitivity="personal", show="pseudonym")


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
                    rules[f"{table}.{name}"] = _rule(file, f"{table}.{name}", value)
    return Policy(rules)


def _rule(file: Path, field: str, value: object) -> FieldRule:
    try:
        return FieldRule.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([field, *(str(part) for part in first["loc"])])
        raise InputError(file, place, first["msg"].lower(), 'write { sensitivity = "personal", show = "pseudonym" }') from error


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


def pseudonym(key: bytes, value: str) -> str:
    """The keyed pseudonym of a value: 40 bits of HMAC-SHA256, with a sign that no source id begins with by chance.

    >>> pseudonym(b"k" * 32, "Ada")
    '~5664d0a0c7'
    """
    return "~" + hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:10]


_MADE_IDS = {"annotation_id", "parent_id"}
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def looks_personal(value: str) -> bool:
    """Whether an id looks like an e-mail address or a person's name.

    >>> [looks_personal(text) for text in ("ada@example.org", "Ada Lovelace", "ada.lovelace", "A119EX2L", "worker_7", "896")]
    [True, True, True, False, False, False]
    """
    if _EMAIL.match(value):
        return True
    words = [word for word in re.split(r"[ .'-]+", value) if word]
    if not words or not all(word.isalpha() for word in words):
        return False
    # "Ada", "O'Brien", "Jean-Luc P. Picard"; or "ada.lovelace". Not "GPT", "yolo-nano", "A119EX2L", "worker_7".
    capitalised = words[0][0].isupper() and any(len(word) > 1 and word[1:].islower() for word in words)
    return capitalised or (len(words) > 1 and bool(re.search(r"[. ]", value)) and all(len(word) > 1 for word in words))


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
        for macro in _macros(key):
            con.execute(macro)
        personal = _personal_ids(con, tables)
        paths, present = dict(tables.paths), dict(tables.present)
        hidden: dict[str, str] = {}
        used: list[str] = []
        for name in TABLES:
            select, gone, keys = _select(con, name, tables.present[name], policy, personal=personal)
            used += [f"{name}.{attribute}" for attribute in keys]
            hidden |= {f"{name}.{column}": _allow(name, column) for column in gone}
            if select:
                paths[name] = work / f"{name}.parquet"
                write_parquet(con, f'SELECT {select} FROM "clear_{name}"', TABLES[name].key, paths[name])
                present[name] = present_columns(paths[name]) if tables.rows[name] else frozenset()
    finally:
        con.close()
    notes = []
    if used:
        notes.append(f"used, shown as pseudonyms only: {', '.join(used)} (policies/fields.toml says what may be shown)")
    if personal:
        notes.append("annotator ids look like names or e-mail addresses: shown as pseudonyms")
    if (used or personal) and not stable:
        notes.append("pseudonyms, and the ids of findings about them, are new in every run: give --key-file FILE to keep them")
    return Opened(
        replace(tables, paths=paths, present=present), hidden, tuple(notes), stable or not (used or personal), tuple(used)
    )


def _macros(key: bytes) -> tuple[str, str]:
    """HMAC-SHA256 in SQL, so that millions of values need no Python."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    outer, inner = (_blob(bytes(byte ^ pad for byte in block)) for pad in (0x5C, 0x36))
    return (
        f"CREATE MACRO keyed(v) AS sha256({outer} || unhex(sha256({inner} || encode(v))))",
        "CREATE MACRO pseudonym(v) AS '~' || substr(keyed(v), 1, 10)",
    )


def _blob(data: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"


def _personal_ids(con: duckdb.DuckDBPyConnection, tables: Tables) -> bool:
    """Whether any annotator id looks like a person's: then all of them become pseudonyms, lest the odd ones out tell."""
    queries = ["SELECT annotator_id FROM clear_annotator WHERE kind = 'person'"]
    if "reviewer_id" in tables.present["annotation"]:
        queries.append("SELECT DISTINCT reviewer_id FROM clear_annotation WHERE reviewer_id IS NOT NULL")
    return any(looks_personal(str(row[0])) for query in queries for row in con.execute(query).fetchall())


def _select(
    con: duckdb.DuckDBPyConnection, name: str, present: frozenset[str], policy: Policy, *, personal: bool
) -> tuple[str, list[str], list[str]]:
    """The SELECT list that hides ('' when nothing is to hide), the columns that are gone, the attributes that are pseudonyms."""
    parts: list[str] = []
    gone: list[str] = []
    keys: list[str] = []
    changed = False
    for column, spec in TABLES[name].columns.items():
        sql = f'"{column}"'
        if column == "attributes" and column in present:
            rows = con.execute(f'SELECT DISTINCT unnest(map_keys(attributes)) AS key FROM "clear_{name}" ORDER BY key').fetchall()
            rules = {str(row[0]): policy.rule(f"{name}.attributes.{row[0]}").show for row in rows}
            keys = [attribute for attribute, show in rules.items() if show == "pseudonym"]
            sql = _attributes(rules)
        elif column != "attributes" and column in present:
            show = policy.rule(f"{name}.{column}").show
            if show == "auto":
                show = "pseudonym" if personal else "yes"
            if show == "no" or (show == "pseudonym" and spec.type != "VARCHAR"):
                sql = f'CAST(NULL AS {spec.type}) AS "{column}"'
                gone.append(column)
            elif personal and column in _MADE_IDS:
                # An id that we made is a hash of the annotator's name too: anybody with a list of names could try them.
                made = f"regexp_full_match(\"{column}\", '[0-9a-f]{{32}}')"
                sql = f'CASE WHEN {made} THEN substr(keyed("{column}"), 1, 32) ELSE "{column}" END AS "{column}"'
            elif show == "pseudonym":
                sql = f'pseudonym("{column}") AS "{column}"'
        changed |= sql != f'"{column}"'
        parts.append(sql)
    return ", ".join(parts) if changed else "", gone, keys


def _attributes(rules: Mapping[str, Show]) -> str:
    shown = [key for key, show in rules.items() if show in {"yes", "auto"}]
    absent = [key for key, show in rules.items() if show == "no"]
    if len(shown) == len(rules):
        return '"attributes"'
    entries = "map_entries(attributes)"
    if absent:
        entries = f"list_filter({entries}, lambda e: e.key NOT IN ({', '.join(map(literal, absent))}))"
    value = (
        f"CASE WHEN e.key IN ({', '.join(map(literal, shown))}) THEN e.value ELSE pseudonym(e.value) END"
        if shown
        else "pseudonym(e.value)"
    )
    return f"map_from_entries(list_transform({entries}, lambda e: struct_pack(key := e.key, value := {value}))) AS attributes"


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


def _allow(table: str, column: str) -> str:
    return f'allow it in a --policy file: {table}.{column} = {{ sensitivity = "internal", show = "yes" }}'
