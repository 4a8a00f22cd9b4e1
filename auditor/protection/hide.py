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

    from auditor.protection.policy import Policy, Show
    from auditor.stage import Tables

_MADE_IDS = {"annotation_id", "parent_id"}
# Letters and digits between all that separates the parts of a name.
_TOKEN = re.compile(r"[^\W_]+")
# Between two names in lower case; a hyphen rather stands in the names of models and tools.
_BETWEEN = re.compile(r"[ .,_]")
# What people are called where their names are not used: "worker_7", "Annotator B", "gold_standard", "QA team".
_CALLED = """
    adjudicator adjudicated admin analyst annotator annotators anon anonymous auto batch bot club coder consensus contractor crowd
    curator data dataset default dev doctor editor expert experts final gold golden grader ground group guest human ids intern judge
    label labeler labelers labeller lead machine majority manager member model nurse other participant person pilot pool proofreader
    qa quality rater raters reader respondent reviewer reviewers round rule rules script shift silver site specialist staff standard
    student subject system task team teams temp test tester tool train trainee translator truth turker unknown user validator vendor
    verifier volunteer vote voter worker workers
"""
_ROLES = frozenset(_CALLED.split())


def looks_personal(value: str) -> bool:
    """Whether an id looks like an e-mail address or holds a person's name.

    Any id with an @ does, and any with a capitalised word or with two words, whatever stands around them: a comma, an underscore,
    brackets, a number. Words for roles and codes with digits inside are no names. One lower-case word ("adacanary", "lovelace")
    cannot be told from a login or a code: it is not taken for a name.

    >>> [looks_personal(text) for text in ("ada@canary", "Lovelace, Ada", "ada_lovelace", "Ada Lovelace (QA) 1", "Maria")]
    [True, True, True, True, True]
    >>> [looks_personal(text) for text in ("A119EX2L", "worker_7", "Annotator B", "gold_standard", "yolo-nano", "896", "ada")]
    [False, False, False, False, False, False, False]
    """
    if "@" in value:
        return True
    tokens = [token.rstrip("0123456789") for token in _TOKEN.findall(value)]
    names = [token for token in tokens if len(token) > 1 and token.isalpha() and token.lower() not in _ROLES]
    # "Ada", "O'Brien", "Jean-Luc P. Picard"; and names in scripts without capitals.
    if any((name[0].isupper() and name[1:].lower() == name[1:]) or name.lower() == name.upper() for name in names):
        return True
    # "ADA LOVELACE", "ada_lovelace", "deSouza, ana": two words that are no roles.
    return len(names) > 1 and bool(_BETWEEN.search(value))


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
    """Whether any annotator or reviewer id looks like a person's: then all of them become pseudonyms, lest the odd ones out tell.

    Names of models read like those of people ("yolo nano"): an id is spared only if a model or a rule made everything that
    stands under it. What a source says of somebody's kind is not enough.
    """
    people = con.execute(
        "SELECT annotator_id, coalesce(bool_and(source IN ('model', 'rule')), false) FROM clear_annotator "
        "LEFT JOIN (SELECT annotator_id, source FROM clear_annotation) USING (annotator_id) GROUP BY annotator_id"
    ).fetchall()
    if any(looks_personal(str(who)) and ("@" in str(who) or not made) for who, made in people):
        return True
    if "reviewer_id" not in tables.present["annotation"]:
        return False
    reviewers = con.execute("SELECT DISTINCT reviewer_id FROM clear_annotation WHERE reviewer_id IS NOT NULL").fetchall()
    return any(looks_personal(str(row[0])) for row in reviewers)


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
            keys = con.execute(
                "SELECT key, pseudonym(key) FROM "
                f'(SELECT DISTINCT unnest(map_keys(attributes)) AS key FROM "{relation}") ORDER BY key'
            ).fetchall()
            rules = {str(row[0]): policy.rule(f"{name}.attributes.{row[0]}") for row in keys}
            # A key that is an address tells who somebody is as its value would; a policy that names the key knows it.
            called = {str(key): made for key, made in keys if "@" in key and f"{name}.attributes.{key}" not in policy.rules}
            pseudonyms = [called.get(key, key) for key, rule in rules.items() if rule.show == "pseudonym"]
            sealed |= {
                f"attributes.{key}": f"attributes[{literal(key)}]" for key, rule in rules.items() if rule.treatment == "seal"
            }
            gone += [f"attributes.{key}" for key, rule in rules.items() if rule.show == "no" and rule.treatment != "seal"]
            sql = _attributes({key: rule.show for key, rule in rules.items()}, called)
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


def _attributes(rules: Mapping[str, Show], called: Mapping[str, str]) -> str:
    """SQL of the MAP as it may be shown: `rules` for its keys, and what some keys are called instead."""
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
    cases = " ".join(f"WHEN {literal(key)} THEN {literal(name)}" for key, name in called.items())
    key = f"CASE e.key {cases} ELSE e.key END" if cases else "e.key"
    made = f"map_from_entries(list_transform({entries}, lambda e: struct_pack(key := {key}, value := {value})))"
    # A map in which nothing is left says nothing: checks that need attributes then say what hides them.
    return f"nullif({made}, map_from_entries([]::STRUCT(key VARCHAR, value VARCHAR)[]))" if absent else made
