"""A check: one SQL file with a TOML header, asked of the tables. Read it, verify it, know what it needs.

`load_folder` reads every check under a folder; a check is refused, with the reason, unless it is exactly one SELECT over known
tables with allowed functions (`sqlguard`), its parameters equal the header's, and its sibling `.toml` holds a case that finds and
one that does not.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from auditor.errors import CheckFileError
from auditor.sqlguard import inspect
from auditor.tables import TABLES, Column, ddl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
ParamValue = bool | int | float | str | list[str]
# Columns of a check's result that are part of a finding; all others are evidence.
FINDING_COLUMNS = ("item_id", "annotation_id", "annotator_id", "label", "score", "message")
_Bound = TypeVar("_Bound")
_OPEN, _CLOSE = "-- /// check", "-- ///"


class Param(BaseModel):
    """A number or word that a check can be tuned with."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: ParamValue
    help: str = Field(min_length=1)


class Header(BaseModel):
    """What a check says of itself; `docs/checks.md` is made from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str = Field(min_length=1, description="a sentence true of each finding")
    why: str = Field(min_length=1)
    fix: str = Field(min_length=1)
    wrong_when: str = Field(min_length=1)
    severity: Severity
    tolerance: int | str = 0
    unit: Literal["item", "annotation", "annotator", "dataset"]
    scope: Literal["annotation", "item", "dataset"]
    key: list[str | list[str]] = Field(
        min_length=1, description="columns of the finding's identity; an inner list is an unordered pair"
    )
    source: str = Field(min_length=1)
    optional: list[str] = Field(default=[], description="table.column that may be empty without the check being skipped")
    looks_at: str = Field(default="", description="a SELECT: where it has no row the check has nothing to look at, and is skipped")
    nothing: str = Field(default="", description="what is missing then")
    params: dict[str, Param] = {}

    @field_validator("tolerance", mode="before")
    @classmethod
    def _tolerance(cls, value: int | str) -> int | str:
        parse_tolerance(value)
        return value


@dataclass(frozen=True)
class Check:
    """A verified check.

    Attributes:
        id: its path under the checks folder without the suffix, such as "consistency/split_leak".
        header: what it says of itself.
        sql: the whole file, which is valid SQL.
        reads: table or measure -> the columns that decide its findings (not those that it only hands through).
        columns: the names of its result's columns.
        builtin: it came with the package.
        looks_with: the parameters that `looks_at` uses.
    """

    id: str
    header: Header
    sql: str
    reads: Mapping[str, frozenset[str]]
    columns: tuple[str, ...]
    builtin: bool
    path: Path
    cases: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    looks_with: frozenset[str] = frozenset()

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.split("/", 1)[0]


def parse_tolerance(value: int | str) -> tuple[float, bool]:
    """A tolerance as (number, is a share of the units).

    >>> parse_tolerance("1.5%"), parse_tolerance(3)
    ((0.015, True), (3.0, False))

    Raises:
        ValueError: it is neither a count nor a percentage.
    """
    if isinstance(value, str) and value.endswith("%"):
        share = float(value[:-1]) / 100
        if not 0 <= share <= 1:
            raise ValueError(f"a share of {value} is not between 0% and 100%")
        return share, True
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f'a tolerance is a count such as 3 or a share such as "1%", not {value!r}')
    return float(value), False


# Of one process: what a plan or a check's file says depends on nothing else than these texts.
_READ: dict[tuple[str, str, str], dict[str, frozenset[str]]] = {}
_LOADED: dict[tuple[str, str, Path, Path, bool], Check] = {}


class Binder:
    """Empty typed tables and measures, against which checks are bound: tells what columns a query reads and returns."""

    def __init__(self, measures: Mapping[str, Mapping[str, Column]]) -> None:
        import duckdb

        self.known = {**{name: table.columns for name, table in TABLES.items()}, **measures}
        self.con = duckdb.connect(config={"threads": 1})
        for name, columns in self.known.items():
            self.con.execute(ddl(name, columns))
        names = [row[0] for row in self.con.execute("SELECT name FROM duckdb_optimizers()").fetchall()]
        keep = ",".join(name for name in names if name != "unused_columns")
        self.con.execute(f"SET disabled_optimizers = '{keep}'")
        self.con.execute("SET enable_external_access = false")
        self.con.execute("SET lock_configuration = true")
        self.schema = repr([(name, column, spec.type) for name, columns in self.known.items() for column, spec in columns.items()])

    def columns_read(self, sql: str, params: Mapping[str, ParamValue]) -> dict[str, frozenset[str]]:
        """Table -> columns that the query reads, from its plan with unused columns removed."""
        asked = (self.schema, sql, repr(sorted(params.items())))
        if asked not in _READ:
            _READ[asked] = self._columns_read(sql, params)
        return dict(_READ[asked])

    def _columns_read(self, sql: str, params: Mapping[str, ParamValue]) -> dict[str, frozenset[str]]:
        row = self.con.execute(f"EXPLAIN (FORMAT json) {sql}", dict(params)).fetchone()
        assert row is not None
        found: dict[str, set[str]] = {}
        for node in _plan_nodes(json.loads(row[1])):
            info = node.get("extra_info") or {}
            if isinstance(info, dict) and "Table" in info:
                used = info.get("Projections", [])
                name = str(info["Table"]).rsplit(".", 1)[-1].strip('"')
                found.setdefault(name, set()).update([used] if isinstance(used, str) else used)
        return {name: frozenset(columns) & frozenset(self.known[name]) for name, columns in found.items() if name in self.known}

    def result_columns(self, sql: str, params: Mapping[str, ParamValue]) -> tuple[str, ...]:
        """Names of the columns that the query returns."""
        result = self.con.execute(sql, dict(params))
        return tuple(column[0] for column in result.description or ())


def _plan_nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for child in node:
            yield from _plan_nodes(child)
    elif isinstance(node, dict):
        yield node
        yield from _plan_nodes(node.get("children", []))


def load_folder(folder: Path, binder: Binder, *, builtin: bool) -> list[Check]:
    """Every check under `folder`, sorted by id.

    Raises:
        CheckFileError: one of them is not a valid check.
    """
    if not folder.is_dir():
        raise CheckFileError(f"{folder}: there is no such folder of checks", "give --checks a folder that holds .sql files")
    return [load(path, folder, binder, builtin=builtin) for path in sorted(folder.rglob("*.sql"))]


def load(path: Path, folder: Path, binder: Binder, *, builtin: bool) -> Check:
    """Read and verify one check file.

    Raises:
        CheckFileError: with the file's name and the reason.
    """
    where = path.name if builtin else str(path)
    try:
        sql = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckFileError(f"{where}: cannot be read as UTF-8 text", "save the file as UTF-8") from error
    cases = _cases(path, where)
    known = (binder.schema, sql, path, folder, builtin)
    if known in _LOADED and _LOADED[known].cases == cases:
        return _LOADED[known]
    _LOADED[known] = done = _verified(sql, cases, path, folder, binder, builtin=builtin, where=where)
    return done


def _verified(
    sql: str, cases: tuple[dict[str, Any], ...], path: Path, folder: Path, binder: Binder, *, builtin: bool, where: str
) -> Check:
    header = _header(sql, where)
    params = {name: param.value for name, param in header.params.items()}
    parsed = inspect(binder.con, sql, binder.known, where)
    if parsed.params != frozenset(params):
        odd = sorted(parsed.params ^ frozenset(params))
        raise CheckFileError(
            f"{where}: parameters of the SQL and of the header differ: {', '.join(odd)}",
            "declare each $name under [params]",
        )
    columns = bind(lambda: binder.result_columns(sql, params), where)
    _verify_columns(header, columns, where)
    # What is only handed through (an annotator's id, a piece of evidence) may be empty; what decides may not.
    deciding = ", ".join(f'"{name}"' for name in dict.fromkeys([*_flat(header.key), "message"]))
    needed = bind(lambda: binder.columns_read(f"SELECT {deciding} FROM ({sql}\n)", params), where)
    reads = {name: needed.get(name, frozenset()) for name in parsed.tables}
    looks_with = _looks_at(header, params, binder, reads, where)
    unknown = [name for name in header.optional if not _known_column(name, binder)]
    if unknown:
        raise CheckFileError(f"{where}: optional names no column: {', '.join(unknown)}", "write table.column, or a table")
    identity = path.relative_to(folder).with_suffix("").as_posix()
    return Check(identity, header, sql, reads, columns, builtin, path, cases, looks_with)


def _looks_at(
    header: Header, params: Mapping[str, ParamValue], binder: Binder, reads: dict[str, frozenset[str]], where: str
) -> frozenset[str]:
    """The parameters of the header's `looks_at`; what it reads is added to `reads`."""
    if bool(header.looks_at) != bool(header.nothing):
        raise CheckFileError(
            f"{where}: looks_at and nothing go together", "say in `nothing` what is missing where looks_at has no row"
        )
    if not header.looks_at:
        return frozenset()
    parsed = inspect(binder.con, header.looks_at, binder.known, f"{where}: looks_at")
    if not parsed.params <= set(params):
        odd = sorted(parsed.params - set(params))
        raise CheckFileError(f"{where}: looks_at: unknown parameters: {', '.join(odd)}", "declare each $name under [params]")
    used = {name: params[name] for name in parsed.params}
    read = bind(lambda: binder.columns_read(header.looks_at, used), f"{where}: looks_at")
    for name in parsed.tables:
        reads[name] = reads.get(name, frozenset()) | read.get(name, frozenset())
    return parsed.params


def _known_column(name: str, binder: Binder) -> bool:
    table, _, column = name.partition(".")
    return column in binder.known.get(table, {}) if column else table in binder.known


def _header(sql: str, where: str) -> Header:
    lines = sql.splitlines()
    if not lines or lines[0].strip() != _OPEN or _CLOSE not in (line.strip() for line in lines[1:]):
        raise CheckFileError(f"{where}: the header is missing", f"begin the file with '{_OPEN}' and end the header with '{_CLOSE}'")
    end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() == _CLOSE)
    body = []
    for number, line in enumerate(lines[1:end], 2):
        if not line.startswith("--"):
            raise CheckFileError(f"{where}: line {number}: the header is not a comment", "begin each header line with --")
        body.append(line[2:].removeprefix(" "))
    try:
        return Header.model_validate(tomllib.loads("\n".join(body)))
    except tomllib.TOMLDecodeError as error:
        raise CheckFileError(
            f"{where}: header: {error}", "the header is TOML behind --; line numbers count from its first line"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CheckFileError(
            f"{where}: header: {place}: {first['msg'].lower()}", "`auditor explain` shows a complete check"
        ) from error


def bind(ask: Callable[[], _Bound], where: str) -> _Bound:
    """Ask something of DuckDB's binder; what it refuses is the check file's fault, and said so."""
    import duckdb

    try:
        return ask()
    except duckdb.Error as error:
        text = str(error).split("\n\n", 1)[0].replace("\n", " ")
        raise CheckFileError(f"{where}: {text}", "`auditor tables` lists the tables and their columns") from error


def _flat(key: Sequence[str | list[str]]) -> list[str]:
    return [name for part in key for name in ([part] if isinstance(part, str) else part)]


def _verify_columns(header: Header, columns: tuple[str, ...], where: str) -> None:
    for name in [*_flat(header.key), "message"]:
        if name not in columns:
            raise CheckFileError(f"{where}: the result has no column {name!r}", "return `message` and every column of `key`")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise CheckFileError(f"{where}: the result has two columns {twice[0]!r}", "rename one of them")


_toml = cache(tomllib.loads)


def _cases(path: Path, where: str) -> tuple[dict[str, Any], ...]:
    beside = path.with_suffix(".toml")
    if not beside.is_file():
        raise CheckFileError(
            f"{where}: there are no cases beside it",
            f"write {beside.name} with a case that finds and one that does not",
        )
    try:
        cases = _toml(beside.read_text(encoding="utf-8")).get("case", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CheckFileError(f"{beside.name}: {error}", "correct the TOML") from error
    numbers = [case.get("finds") for case in cases]
    if not all(isinstance(number, int) for number in numbers) or 0 not in numbers or not any(numbers):
        raise CheckFileError(
            f"{where}: its cases must hold one that finds and one that does not",
            "each [[case]] says `finds = NUMBER`; give one with 0 and one with more",
        )
    return tuple(cases)


def choose(builtin: list[Check], own: list[Check]) -> list[Check]:
    """All checks by id; a workspace's check replaces the built-in one of the same id."""
    return [*{check.id: check for check in [*builtin, *own]}.values()]
