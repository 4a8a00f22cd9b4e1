"""A workspace with sealed fields: people, policies, clear tables with canaries, and what protects them."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor import content
from auditor.protection import access, identity, policy, protect, unseal
from tests.worlds import stage_tables

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.protection.identity import Identity
    from auditor.stage import Tables

NOW = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
UNTIL = dt.date(2027, 6, 30)
KEY = b"k" * 32
GENDER = "annotator.attributes.gender"
# Who has which role; the policies of the built-in example are about these.
PEOPLE = {"ada": "compliance", "bob": "qa_lead", "dan": "data_engineer", "eve": "annotator"}
FIELDS = """
[item]
text = { sensitivity = "internal", treatment = "seal" }
[annotation]
value = { sensitivity = "internal", treatment = "seal" }
polygon = { sensitivity = "internal", treatment = "seal" }
created_at = { sensitivity = "personal", treatment = "seal" }
[annotator]
name = { sensitivity = "personal", treatment = "seal" }
[annotator.attributes]
gender = { sensitivity = "special", treatment = "seal" }
race = { sensitivity = "special", treatment = "seal" }
"""
ROWS = {
    "annotation": [
        {
            "item_id": "i1",
            "annotator_id": "w1",
            "label": "x",
            "value": 1.5,
            "polygon": [[1.0, -0.0], []],
            "created_at": dt.datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001  # TIMESTAMP has no zone
        },
        {"item_id": "i1", "annotator_id": "w2", "label": "y"},
        {"item_id": "i2", "annotator_id": "w1", "label": "y", "value": 2.5, "polygon": [[3.0]]},
    ],
    "annotator": [
        {"annotator_id": "w1", "name": "CANARY-NAME", "attributes": {"gender": "CANARY-F", "race": "CANARY-R", "zodiac": "lion"}},
        {"annotator_id": "w2", "name": "CANARY-OTHER", "attributes": {"gender": "CANARY-F"}},
        {"annotator_id": "w3", "attributes": {"zodiac": "fish"}},
    ],
    "item": [{"item_id": "i1", "text": "CANARY-TEXT " + "x" * 100}, {"item_id": "i2", "text": "CANARY-SHORT"}],
}
CANARIES = ("CANARY-NAME", "CANARY-OTHER", "CANARY-F", "CANARY-R", "CANARY-TEXT", "CANARY-SHORT")


def example() -> str:
    """The policies that policies/access.cedar shows as an example, without the signs that make it a comment."""
    text = (content.folder("policies") / "access.cedar").read_text(encoding="utf-8")
    return "\n".join(line.removeprefix("//") for line in text[text.index("//   @id") :].splitlines()) + "\n"


@dataclass
class World:
    """A workspace's root, its people and its clear tables."""

    root: Path
    people: dict[str, Identity]
    clear: Tables

    @property
    def access(self) -> access.Access:
        return access.load(self.root / "policies", self.fields)

    @property
    def fields(self) -> policy.Policy:
        return policy.load(content.folder("policies") / "fields.toml", self.root / "policies" / "fields.toml")

    def sealing(self, who: str | None = None, at: dt.datetime = NOW, dataset: str = "d") -> protect.Sealing:
        grants = self.root / "grants"
        return protect.Sealing(dataset, self.access, grants, grants, self.root / "ledger", at, self.people[who] if who else None)

    def protect(
        self, who: str | None = None, at: dt.datetime = NOW, dataset: str = "d", tables: Tables | None = None
    ) -> protect.Protected:
        return protect.protect(
            tables or self.clear,
            self.fields,
            KEY,
            stable=True,
            folder=self.root / "tables" / dataset,
            work=self.root / "private",
            sealing=self.sealing(who, at, dataset),
        )

    def opener(self, who: str) -> unseal.Opener:
        return unseal.Opener(self.people[who], self.access, self.root / "grants", self.root / "ledger")

    def open(self, who: str, field: str, purpose: str = "bias-audit", at: dt.datetime = NOW, dataset: str = "d") -> list[dict]:
        return unseal.open_field(self.opener(who), self.root / "tables" / dataset, dataset, field, purpose, at).to_pylist()

    def recipient(self, name: str, *, until: dt.date | None = UNTIL, role: str | None = None) -> Path:
        one = self.people[name].recipient([role or PEOPLE[name]])
        file = self.root / "policies" / "recipients" / f"{name}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(replace(one, until=until).toml(), encoding="utf-8")
        return file

    def digests(self, folder: str) -> dict[str, str]:
        base = self.root / folder
        return {
            path.relative_to(base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(base.rglob("*"))
            if path.is_file()
        }


def world(folder: Path, rows: dict | None = None) -> World:
    """A workspace in which nothing is protected yet."""
    root = folder / "workspace"
    (root / "policies").mkdir(parents=True)
    (root / "private").mkdir()
    (root / "policies" / "fields.toml").write_text(FIELDS, encoding="utf-8")
    (root / "policies" / "access.cedar").write_text(example(), encoding="utf-8")
    people = {name: identity.new(folder / "keys" / f"{name}.json", name) for name in PEOPLE}
    made = World(root, people, stage_tables(folder / "clear", **(rows or ROWS)))
    for name in PEOPLE:
        made.recipient(name)
    return made
