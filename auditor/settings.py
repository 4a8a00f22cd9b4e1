"""`auditor.toml`: what a workspace wants checked, how severe each finding is, and what the gate accepts."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # pydantic resolves annotations when it runs
import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from auditor.check import Severity, parse_tolerance
from auditor.errors import UsageError
from auditor.finding import LINK_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from auditor.check import Check

# With less DuckDB cannot hold the blocks of one query, whatever it spills.
MIN_MEMORY = 64_000_000  # bytes
_FIELDS = ", ".join(f"{{{name}}}" for name in LINK_FIELDS)
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "like"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Where(_Strict):
    """Which of a check's rows count."""

    column: str
    op: Operator = "="
    value: bool | int | float | str | list[str]


class Override(_Strict):
    """What a workspace changes about a check."""

    severity: Severity | None = None
    tolerance: int | str | None = None
    enabled: bool = True
    params: dict[str, bool | int | float | str | list[str]] = {}
    where: Where | None = None

    @field_validator("tolerance", mode="before")
    @classmethod
    def _tolerance(cls, value: int | str | None) -> int | str | None:
        # Before pydantic turns true into 1.
        if value is not None:
            parse_tolerance(value)
        return value


class Waiver(_Strict):
    """Findings that somebody accepts, until a date."""

    finding: str = Field(default="", description="a finding's id")
    check: str = Field(default="", description="or a check's id: all its findings")
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    until: dt.date

    @model_validator(mode="after")
    def _one(self) -> Waiver:
        if bool(self.finding) == bool(self.check):
            raise ValueError("a waiver names either a finding or a check")
        return self


class GateSettings(_Strict):
    """What the gate accepts."""

    fail_on: Severity = "error"
    require: tuple[str, ...] = ()
    baseline: str = Field(default="", description="findings.parquet of an earlier audit: only findings that it lacks count")
    min_precision: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="only checks block whose precision, by what people said of findings (auditor review), is surely above this",
    )

    @field_validator("min_precision", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        # Before pydantic turns true into 1, and "0.5" into a number.
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("a precision is a number from 0 to less than 1")  # noqa: TRY004  # pydantic makes a message of it
        return value


class Settings(_Strict):
    """A whole `auditor.toml`."""

    dataset: Annotated[str, Field(pattern=r"^[\w .-]{0,100}$")] = Field(
        default="", description="the data set's name: sealed fields are bound to it"
    )
    link: str = Field(default="", description="where an item opens: https://labels.example/data?task={item_id}")
    contracts: tuple[str, ...] = Field(
        default=(),
        description="Great Expectations suites whose findings stand beside the checks': names of built-in ones, or paths",
    )
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?(MB|GB|MiB|GiB)$")] = "1GB"
    gate: GateSettings = GateSettings()
    checks: dict[str, Override] = {}
    waiver: tuple[Waiver, ...] = ()

    @field_validator("memory")
    @classmethod
    def _enough(cls, value: str) -> str:
        if _bytes(value) < MIN_MEMORY:
            raise ValueError(f"{value} is less than the {MIN_MEMORY // 10**6}MB that the engine needs")
        return value

    @field_validator("link")
    @classmethod
    def _safe_link(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("a link begins with https:// or http://")
        if value and (wrong := unknown_field(value)):
            raise ValueError(f"a link has no {wrong}: there are {_FIELDS}")
        return value

    def override(self, check_id: str) -> Override:
        """What is changed about a check; nothing where it is not named."""
        return self.checks.get(check_id, Override())


def _bytes(memory: str) -> float:
    """The bytes of a memory limit.

    >>> _bytes("1.5 GB"), _bytes("64MiB")
    (1500000000.0, 67108864.0)
    """
    binary = memory.endswith("iB")
    number, unit = float(memory[: -3 if binary else -2]), memory[-3 if binary else -2]
    base = 1024.0 if binary else 1000.0
    return number * base * base * (base if unit == "G" else 1.0)


def load(path: Path) -> Settings:
    """Read `auditor.toml`.

    Raises:
        UsageError: it is not TOML, has an unknown key (with a suggestion), or a value that cannot be.
    """
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read", "give --config an auditor.toml") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}", "correct the TOML") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        hint = _suggest(first["loc"]) if first["type"] == "extra_forbidden" else "see docs/settings.md"
        what = "unknown key" if first["type"] == "extra_forbidden" else _plain(first["msg"])
        raise UsageError(f"{path}: {place}: {what}", hint) from error


def _plain(message: str) -> str:
    """What pydantic says, lower case at its start; units and names keep theirs."""
    said = message.removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _suggest(place: tuple[Any, ...]) -> str:
    model: Any = Settings
    for part in place[:-1]:
        model = {"gate": GateSettings, "checks": Override, "waiver": Waiver, "where": Where}.get(str(part), model)
    near = difflib.get_close_matches(str(place[-1]), list(model.model_fields), 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(model.model_fields)}"


def unknown_field(link: str) -> str:
    """The first field of a link template that does not exist, braces included; "" if there is none.

    >>> unknown_field("https://a.example/{item}?{item_id}"), unknown_field("https://a.example/{item_id}")
    ('{item}', '')
    """
    rest = link
    for name in LINK_FIELDS:
        rest = rest.replace(f"{{{name}}}", "")
    found = re.search(r"\{[^{}]*\}?|\}", rest)
    return found[0] if found else ""


def with_link(settings: Settings, link: str) -> Settings:
    """The settings with another link template.

    Raises:
        UsageError: it is no web address, or has a field in braces that is never filled.
    """
    if not link.startswith(("https://", "http://")):
        raise UsageError(f"the link {link!r} is no web address", "write https://…/{item_id}")
    if wrong := unknown_field(link):
        near = difflib.get_close_matches(wrong.strip("{}"), LINK_FIELDS, 1)
        suggestion = f"did you mean {{{near[0]}}}? " if near else ""
        raise UsageError(f"the link {link!r} has {wrong}, which is never filled", f"{suggestion}there are {_FIELDS}")
    return settings.model_copy(update={"link": link})


def verify(settings: Settings, checks: Iterable[Check], promised: Iterable[str] = ()) -> None:
    """Make sure that what the settings name exists.

    Args:
        settings: what auditor.toml says.
        checks: the checks that can be asked.
        promised: ids of the expectations of the contracts that the settings name.

    Raises:
        UsageError: a check, parameter or column that does not exist, with a suggestion; more than a tolerance for an expectation.
    """
    by_id = {check.id: check for check in checks}
    expected = set(promised)
    for name in [
        *settings.checks,
        *settings.gate.require,
        *(waiver.check for waiver in settings.waiver if waiver.check),
    ]:
        if name not in by_id and name not in expected:
            if name.startswith("contract/"):
                near = difflib.get_close_matches(name, expected, 1)
                hint = f"did you mean {near[0]!r}?" if near else 'name its suite: contracts = ["SUITE.json"]'
                raise UsageError(f"auditor.toml: no contract has the expectation {name!r}", hint)
            raise UsageError(f"auditor.toml: there is no check {name!r}", suggest_check(name, by_id))
    for name, override in settings.checks.items():
        if name in expected:
            if override.model_fields_set - {"tolerance"}:
                raise UsageError(f"auditor.toml: {name}: only its tolerance can be set here", "its suite says the rest")
            continue
        _verify_override(by_id[name], name, override)


def _verify_override(check: Check, name: str, override: Override) -> None:
    for param, value in override.params.items():
        if param not in check.header.params:
            raise UsageError(
                f"auditor.toml: {name} has no parameter {param!r}",
                f"it has {', '.join(check.header.params) or 'none'}",
            )
        default = check.header.params[param].value
        if isinstance(default, bool) != isinstance(value, bool) or isinstance(default, str) != isinstance(value, str):
            raise UsageError(f"auditor.toml: {name}: {param} cannot be {value!r}", f"its default is {default!r}")
    if override.where and override.where.column not in check.columns:
        raise UsageError(f"auditor.toml: {name} has no column {override.where.column!r}", f"it has {', '.join(check.columns)}")
    if override.where and (override.where.op in {"in", "not in"}) != isinstance(override.where.value, list):
        raise UsageError(f"auditor.toml: {name}: where: in and not in take a list, other operators a single value", "")


def suggest_check(name: str, known: Iterable[str]) -> str:
    """A hint for a check's id that does not exist.

    >>> suggest_check("consistency/split_leek", ["consistency/split_leak"])
    "did you mean 'consistency/split_leak'? `auditor checks` lists them all"
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, 1) or [one for one in known if name and name in one][:1]
    return (f"did you mean {near[0]!r}? " if near else "") + "`auditor checks` lists them all"
