"""Who an output is for: what may be shown to them, and what stands in its place."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditor.protection.policy import Policy, pseudonym

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from auditor.gate import Verdict
    from auditor.summary import Summary

AudienceName = Literal["internal", "public"]


@dataclass(frozen=True)
class Audience:
    """The readers of an output.

    Within the team (`internal`) everything that passed the policy's door is shown. For the public only fields whose sensitivity is
    public are: no media, no text, and keyed pseudonyms for items, annotations, annotators and labels.
    """

    name: AudienceName
    policy: Policy
    key: bytes

    def shows(self, field: str) -> bool:
        """Whether a field such as "item.text" may be shown."""
        return self.name == "internal" or self.policy.public(field)

    @property
    def shows_media(self) -> bool:
        """Whether pictures and sounds of items may be shown."""
        return self.shows("item.uri")

    def text(self, field: str, value: str | None) -> str | None:
        """The value, or its pseudonym where the field may not be shown."""
        return value if value is None or self.shows(field) else pseudonym(self.key, value)

    def summary(self, summary: Summary) -> Summary:
        """The figures, with pseudonyms for labels that may not be shown."""
        confusion = tuple(
            dataclasses.replace(
                one,
                label_a=self.text("annotation.label", one.label_a) or "",
                label_b=self.text("annotation.label", one.label_b) or "",
            )
            for one in summary.confusion
        )
        slips = tuple(
            dataclasses.replace(
                one,
                given=self.text("annotation.label", one.given) or "",
                gold=self.text("annotation.label", one.gold) or "",
            )
            for one in summary.slips
        )
        return dataclasses.replace(summary, confusion=confusion, slips=slips)

    def verdict(self, verdict: Verdict) -> Verdict:
        """The verdict; what an engine says of a check that failed may quote the data, so the public does not read it."""
        if self.name == "internal":
            return verdict
        decisions = tuple(
            dataclasses.replace(one, reason="failed") if one.outcome == "failed" else one for one in verdict.decisions
        )
        failed = [one.check_id for one in decisions if one.outcome == "failed"]
        reasons = tuple(
            next((f"{name} failed" for name in failed if reason.startswith(f"{name} ")), reason) for reason in verdict.reasons
        )
        return dataclasses.replace(verdict, decisions=decisions, reasons=reasons, notes=())

    def redact(self, con: duckdb.DuckDBPyConnection, titles: Mapping[str, str]) -> None:
        """Redact the table `finding`: a message written from the data gives way to the check's title, evidence to nothing."""
        if self.name == "internal":
            return
        import pyarrow as pa

        fields = {"item_id": "annotation.item_id", "annotation_id": "annotation.annotation_id",
                  "annotator_id": "annotation.annotator_id", "label": "annotation.label"}  # fmt: skip
        con.create_function("public_pseudonym", lambda value: pseudonym(self.key, value), ["VARCHAR"], "VARCHAR")
        con.register("title_arrow", pa.table({"check_id": list(titles), "title": list(titles.values())}))
        hidden = ", ".join(f"{column} = public_pseudonym({column})" for column, field in fields.items() if not self.shows(field))
        con.execute(f"UPDATE finding SET {hidden}" if hidden else "SELECT 1")
        con.execute(
            "UPDATE finding SET message = title, link = NULL, evidence = '{}' FROM title_arrow t "
            "WHERE t.check_id = finding.check_id"
        )
        con.unregister("title_arrow")
