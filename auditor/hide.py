"""How a table is hidden: the SQL that shows, turns into a keyed pseudonym, or takes away each field, as the policy says.

One plan serves both doors: `policy.open_tables`, through which checks see clear tables, and `protect.protect`, through
which tables are
written to a workspace.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.tables import TABLES, literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from auditor.policy import Policy, Show
    from auditor.stage import Tables

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


def pseudonym(key: bytes, value: str) -> str:
    """The keyed pseudonym of a value: 40 bits of HMAC-SHA256, with a sign that no source id begins with by chance.

    >>> pseudonym(b"k" * 32, "Ada")
    '~5664d0a0c7'
    """
    return "~" + hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:10]


def macros(key: bytes) -> tuple[str, str]:
    """HMAC-SHA256 in SQL, so that millions of values need no Python."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    outer, inner = (_blob(bytes(byte ^ pad for byte in block)) for pad in (0x5C, 0x36))
    return (
        f"CREATE MACRO keyed(v) AS sha256({outer} || unhex(sha256({inner} || encode(v))))",
        "CREATE MACRO pseudonym(v) AS '~' || substr(keyed(v), 1, 10)",
    )


def _blob(data: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"


def personal_ids(con: duckdb.DuckDBPyConnection, tables: Tables) -> bool:
    """Whether any annotator id looks like a person's: then all of them become pseudonyms, lest the odd ones out tell."""
    queries = ["SELECT annotator_id FROM clear_annotator WHERE kind = 'person'"]
    if "reviewer_id" in tables.present["annotation"]:
        queries.append("SELECT DISTINCT reviewer_id FROM clear_annotation WHERE reviewer_id IS NOT NULL")
    return any(looks_personal(str(row[0])) for query in queries for row in con.execute(query).fetchall())


@dataclass(frozen=True)
class Plan:
    """What is done with one table.

    Attributes:
        columns: canonical column -> SQL that gives what may be shown of it; all columns, in order.
        changed: whether anything is hidden.
        gone: "column" or "attributes.name" that no check sees, and that are not sealed.
        sealed: "column" or "attributes.name" that are sealed -> SQL of their clear value.
        pseudonyms: attributes that are shown as pseudonyms.
    """

    columns: Mapping[str, str]
    changed: bool
    gone: tuple[str, ...]
    sealed: Mapping[str, str]
    pseudonyms: tuple[str, ...]

    @property
    def select(self) -> str:
        """The SELECT list."""
        return ", ".join(f'{sql} AS "{column}"' for column, sql in self.columns.items())


def plan(
    con: duckdb.DuckDBPyConnection, name: str, present: frozenset[str], policy: Policy, *, personal: bool, relation: str
) -> Plan:
    """What is to be done with a table.

    Args:
        con: a connection with `relation` and the macros.
        name: the canonical table.
        present: its columns in which some row is not NULL.
        policy: what may be shown.
        personal: ids of annotators look like names.
        relation: the clear table.
    """
    columns: dict[str, str] = {}
    gone: list[str] = []
    sealed: dict[str, str] = {}
    pseudonyms: list[str] = []
    # An id that we made is a hash of the annotator's and the item's too: anybody with a list of names could try them.
    tried = personal or any(policy.rule(f"annotation.{one}").show not in {"yes", "auto"} for one in ("annotator_id", "item_id"))
    for column, spec in TABLES[name].columns.items():
        sql = f'"{column}"'
        if column == "attributes" and column in present:
            keys = con.execute(f'SELECT DISTINCT unnest(map_keys(attributes)) AS key FROM "{relation}" ORDER BY key').fetchall()
            rules = {str(row[0]): policy.rule(f"{name}.attributes.{row[0]}") for row in keys}
            pseudonyms = [key for key, rule in rules.items() if rule.show == "pseudonym"]
            sealed |= {
                f"attributes.{key}": f"attributes[{literal(key)}]" for key, rule in rules.items() if rule.treatment == "seal"
            }
            gone += [f"attributes.{key}" for key, rule in rules.items() if rule.show == "no" and rule.treatment != "seal"]
            sql = _attributes({key: rule.show for key, rule in rules.items()})
        elif column != "attributes" and column in present:
            rule = policy.rule(f"{name}.{column}")
            show = rule.show
            if show == "auto":
                show = "pseudonym" if personal else "yes"
            if show == "no" or (show == "pseudonym" and spec.type != "VARCHAR"):
                if rule.treatment == "seal":
                    sealed[column] = sql
                else:
                    gone.append(column)
                sql = f"CAST(NULL AS {spec.type})"
            elif tried and column in _MADE_IDS:
                made = f"regexp_full_match(\"{column}\", '[0-9a-f]{{32}}')"
                sql = f'CASE WHEN {made} THEN substr(keyed("{column}"), 1, 32) ELSE "{column}" END'
            elif show == "pseudonym":
                sql = f'pseudonym("{column}")'
        columns[column] = sql
    changed = any(sql != f'"{column}"' for column, sql in columns.items())
    return Plan(columns, changed, tuple(gone), sealed, tuple(pseudonyms))


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
    made = f"map_from_entries(list_transform({entries}, lambda e: struct_pack(key := e.key, value := {value})))"
    # A map in which nothing is left says nothing: checks that need attributes then say what hides them.
    return f"nullif({made}, map_from_entries([]::STRUCT(key VARCHAR, value VARCHAR)[]))" if absent else made
