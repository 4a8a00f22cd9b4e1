"""Fields that nobody has classified yet, and a proposal for each: an import stops until somebody has decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditor.engines import duckdb as engine
from auditor.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.protection.policy import Policy
    from auditor.stage import Tables

# GDPR, Article 9: special categories of personal data; gender and nationality are treated like them here.
_SPECIAL = re.compile(
    r"(?i)gender|\bsex|race|ethnic|religio|faith|belief|politic|party|union|health|disab|diagnos|medic|illness|disease|"
    r"patholog|pregnan|genetic|\bdna\b|biometr|orientation|lgbt|national|citizen|migra|criminal|convict"
)
_PERSONAL = re.compile(
    r"(?i)name|mail|phone|mobile|\bage|birth|\bdob\b|address|street|city|zip|postal|postcode|\bip\b|location|\blat|\blon|"
    r"income|salary|wage|educat|degree|occupation|profession|\bjob|employ|marital|family|child|language|person|user|account|"
    r"subject|patient|passport|\bssn\b|insurance|licen[cs]e|plate|\bid\b|device|signature"
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Proposal:
    """A field without a rule, and the rule that is proposed.

    Attributes:
        field: such as "annotator.attributes.zodiac".
        sensitivity: guessed from its name.
        line: the line for fields.toml.
    """

    field: str
    sensitivity: Literal["internal", "personal", "special"]
    line: str


def guess(table: str, name: str) -> Literal["internal", "personal", "special"]:
    """How sensitive a field is by its name; a fact about an annotator is personal at least.

    >>> [guess("annotator", name) for name in ("Race/Ethnicity", "shoe_size")], guess("item", "camera")
    (['special', 'personal'], 'internal')
    """
    words = re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    if _SPECIAL.search(words):
        return "special"
    return "personal" if table == "annotator" or _PERSONAL.search(words) else "internal"


def unclassified(tables: Tables, rules: Policy, work: Path) -> tuple[Proposal, ...]:
    """Attributes in the data for which the policy has no rule.

    Args:
        tables: canonical tables in clear.
        rules: the policy.
        work: a private folder, for spilling.
    """
    found = []
    con = engine.connect(work)
    try:
        for table, spec in TABLES.items():
            if "attributes" not in spec.columns or "attributes" not in tables.present[table]:
                continue
            engine.add_views(con, {table: tables.paths[table]})
            keys = con.execute(f'SELECT DISTINCT unnest(map_keys(attributes)) AS key FROM "{table}" ORDER BY key').fetchall()
            found += [_propose(table, str(key)) for (key,) in keys if f"{table}.attributes.{key}" not in rules.rules]
    finally:
        con.close()
    return tuple(found)


def _propose(table: str, name: str) -> Proposal:
    sensitivity = guess(table, name)
    show = "yes" if sensitivity == "internal" else "pseudonym"
    return Proposal(
        f"{table}.attributes.{name}", sensitivity, f'{toml_key(name)} = {{ sensitivity = "{sensitivity}", show = "{show}" }}'
    )


def toml_key(name: str) -> str:
    r"""A key as TOML writes it; names come from data and may hold anything.

    >>> toml_key("age"), toml_key('a "b"\n')
    ('age', '"a \\"b\\"\\n"')
    """
    if _BARE.fullmatch(name):
        return name
    plain = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(plain.get(c, c if c.isprintable() else f"\\U{ord(c):08X}") for c in name) + '"'


def lines(proposals: Sequence[Proposal]) -> str:
    """What to put into `policies/fields.toml`, by section."""
    out: list[str] = []
    section = ""
    for one in proposals:
        table = one.field.partition(".")[0]
        if table != section:
            section = table
            out.append(f"[{table}.attributes]")
        out.append(one.line)
    return "\n".join(out) + "\n" if out else ""
