"""`policies/cases.toml`: requests whose answer is known, so that a change of the policies cannot quietly open or close a door."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from auditor.errors import AuditorError, InputError
from auditor.protection import access as policies

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.protection.access import Access


class Case(BaseModel):
    """One request, and whether it must be allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    says: str
    principal: Literal["User", "Job"]
    name: str = "somebody"
    roles: tuple[str, ...] = ()
    until: dt.date | None = None
    dataset: str = ""
    field: str
    purpose: str
    at: dt.date
    allowed: bool
    by: str = ""


def load(path: Path) -> list[Case]:
    """Read cases.

    Raises:
        InputError: the file is no TOML, or a case is none.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "", f"is not a file of cases: {error}", "see the built-in policies/cases.toml") from error
    cases = []
    for number, entry in enumerate(content.get("case", []), 1):
        try:
            cases.append(Case.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(["case", str(number), *(str(part) for part in first["loc"])])
            raise InputError(path, place, first["msg"].lower(), "see the built-in policies/cases.toml") from error
    return cases


def run(access: Access, path: Path) -> list[str]:
    """Ask every case.

    Args:
        access: the policies.
        path: the cases.

    Returns:
        One sentence for each case that comes out otherwise than it says; none when all are as written.
    """
    wrong = []
    for number, case in enumerate(load(path), 1):
        until = dt.datetime.combine(case.until, dt.time(23, 59, 59), dt.UTC) if case.until else policies.FOREVER
        actor = policies.Actor(case.principal, case.name, case.roles, until)
        at = dt.datetime.combine(case.at, dt.time(12), dt.UTC)
        try:
            answer = policies.decide(access, actor, case.field, case.purpose, at, case.dataset)
        except AuditorError as error:
            wrong.append(f"case {number}, {case.says}: {error.message}")
            continue
        if answer.allowed != case.allowed or (case.by and case.by not in answer.policies):
            wrong.append(f"case {number}, {case.says}: {answer.reason}")
    return wrong
