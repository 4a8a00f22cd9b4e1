"""Suites of expectations: what a Great Expectations file says, read and judged without Great Expectations.

A suite is JSON: `{"name": …, "meta": {"table": …}, "expectations": [{"type": …, "kwargs": {…}, "severity": …, "meta": {…}}]}`, as
Great Expectations 1.x writes it; the keys of 0.x (`expectation_suite_name`, `expectation_type`) are read as well. Which table an
expectation is about stands in its `meta.table` or `table`, else in the suite's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from auditor import content
from auditor.errors import InputError, UsageError
from auditor.tables import TABLES, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.check import Severity

SQL_TYPE = "unexpected_rows_expectation"
QUERY = "unexpected_rows_query"
_SEVERITIES: dict[str, Severity] = {"critical": "error", "error": "error", "warning": "warning", "info": "info"}
# How results are reported is ours to say; 0.x files carry these along.
_REPORTING = {"result_format", "catch_exceptions", "include_config", "batch_id"}
# Of these, columns are what is asked for: they need not exist.
_ABOUT_COLUMNS = {
    "expect_column_to_exist",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
}
_COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")
# What SQLAlchemy takes for a parameter, within strings too.
_PARAMETER = re.compile(r"(?<![:\w$\\]):([\w$]+)(?![:\w$])")
MAP = "attributes"  # the column that holds them
PREFIX = f"{MAP}."
_LEGACY_COLUMN = re.compile(r"""col\(\s*["'](.+?)["']\s*\)""")


@dataclass(frozen=True)
class Expectation:
    """One expectation.

    Attributes:
        check_id: `contract/<suite>/<expectation>[/<column>]`, unique within the suite.
        place: where it stands in the file, for errors.
        type: Great Expectations' name, such as "expect_column_values_to_be_unique".
        table: the table it is about.
        kwargs: its arguments.
        severity: info | warning | error.
        title: one sentence: its own description, else one made from its type and arguments.
    """

    check_id: str
    place: str
    type: str
    table: str
    kwargs: Mapping[str, Any]
    severity: Severity
    title: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, as far as its arguments tell; those of its SQL are not among them."""
        return () if self.type in _ABOUT_COLUMNS else self._named

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that it names as columns, `attributes.NAME`, whether it reads them or asks if they are there."""
        has = self.table in TABLES and MAP in TABLES[self.table].columns
        return tuple(name for name in self._named if has and name.startswith(PREFIX))

    @property
    def _named(self) -> tuple[str, ...]:
        named: list[str] = []
        for key in (*_COLUMN_KEYS, "column_set"):
            value = self.kwargs.get(key)
            named += [value] if isinstance(value, str) else value if isinstance(value, list) else []
        named += _condition_columns(self.kwargs.get("row_condition"))
        return tuple(dict.fromkeys(str(name) for name in named))

    @property
    def partial(self) -> bool:
        """Whether it may look at some rows of its table only."""
        return bool(self.kwargs.get("row_condition")) or any(key in self.kwargs for key in ("column_A", "column_list"))

    @property
    def subject(self) -> str:
        """What it is about: `table.column`, or the table."""
        about = [str(self.kwargs[key]) for key in _COLUMN_KEYS[:3] if key in self.kwargs] or self.kwargs.get("column_list") or []
        return f"{self.table}.{', '.join(map(str, about))}" if about else self.table

    @property
    def sql(self) -> str:
        """The query of a custom SQL expectation with its table in place of `{batch}`; "" for the others."""
        query = self.kwargs.get(QUERY)
        return query.format(batch=quoted(self.table)).rstrip("; \t\r\n") if self.type == SQL_TYPE and isinstance(query, str) else ""

    @property
    def query(self) -> str:
        """The same for Great Expectations, which formats it once more, and for SQLAlchemy, which takes :word for a parameter."""
        return _PARAMETER.sub(r"\\:\1", self.sql).replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True)
class Suite:
    """A suite: its name, the file it came from, its expectations in order."""

    name: str
    file: str
    expectations: tuple[Expectation, ...] = field(repr=False)


def builtin() -> dict[str, Path]:
    """Name -> file of the suites that guard the canonical tables.

    >>> "annotation" in builtin()
    True
    """
    return {path.stem: path for path in sorted((content.folder("checks") / "contracts").glob("*.json"))}


def find(name: str) -> tuple[Path, ...]:
    """The files that a name on the command line means: a file, a built-in suite, or `all` built-in ones.

    Raises:
        UsageError: it is none of these, with a suggestion.
    """
    known = builtin()
    if name == "all":
        return tuple(known.values())
    if name in known:
        return (known[name],)
    if (path := Path(name)).is_file():
        return (path,)
    raise UsageError(f"there is no suite {name!r}", near(name, [*known, "all"]) + ", or give a suite's JSON file")


def read(path: Path) -> Suite:
    """Read a suite file.

    Raises:
        InputError: it is not JSON, not a suite, or an expectation lacks its type or its table; says where.
    """
    body = _json(path)
    if not isinstance(body, dict) or not isinstance(body.get("expectations"), list):
        raise InputError(path, "", "is not a suite", 'a suite is {"name": …, "expectations": [{"type": …, "kwargs": {…}}]}')
    name = body.get("name") or body.get("expectation_suite_name") or path.stem
    if not isinstance(name, str):
        raise InputError(path, "name", "is not a text", 'write "name": "…"')
    if not body["expectations"]:
        raise InputError(path, "expectations", "there are none", "a suite without expectations would always be met")
    made: list[Expectation] = []
    taken: set[str] = set()
    for number, entry in enumerate(body["expectations"]):
        one = _expectation(path, f"expectations[{number}]", name, entry, _table_of(body), taken)
        taken.add(one.check_id)
        made.append(one)
    return Suite(name, str(path), tuple(made))


def near(name: str, known: list[str]) -> str:
    """A hint for a name that does not exist.

    >>> near("anotation", ["annotation", "item"])
    'did you mean annotation?'
    """
    import difflib

    found = difflib.get_close_matches(name, known, 1, 0.6)
    return f"did you mean {found[0]}?" if found else f"there are {', '.join(known)}"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", "cannot be read as UTF-8 text", "give a suite's JSON file") from error
    except json.JSONDecodeError as error:
        raise InputError(path, f"line {error.lineno}, column {error.colno}", error.msg.lower(), "correct the JSON") from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, "", str(error), "correct the JSON") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _expectation(path: Path, place: str, suite: str, entry: Any, default_table: str | None, taken: set[str]) -> Expectation:
    if not isinstance(entry, dict):
        raise InputError(path, place, "is not an object", 'write {"type": …, "kwargs": {…}}')
    kind = entry.get("type") or entry.get("expectation_type")
    if not isinstance(kind, str):
        raise InputError(path, place, "has no type", 'write "type": "expect_…"')
    kwargs = entry.get("kwargs", {})
    if not isinstance(kwargs, dict):
        raise InputError(path, f"{place}.kwargs", "is not an object", 'write "kwargs": {"column": …}')
    kwargs = {key: value for key, value in kwargs.items() if key not in _REPORTING}
    table = _table_of(entry) or default_table
    if table is None:
        raise InputError(
            path, place, "does not say which table it is about", 'add "meta": {"table": "annotation"} to it or to the suite'
        )
    said = entry.get("severity") or _meta(entry).get("severity") or "critical"
    if said not in _SEVERITIES:
        raise InputError(path, f"{place}.severity", f"cannot be {said!r}", near(str(said), list(_SEVERITIES)))
    title = entry.get("description") or _title(kind, table, kwargs)
    if kind == SQL_TYPE:
        _judge_query(path, f"{place}.kwargs", kwargs)
    check_id = _unique(_check_id(suite, kind, kwargs), taken)
    return Expectation(check_id, place, kind, table, kwargs, _SEVERITIES[said], str(title))


def _judge_query(path: Path, place: str, kwargs: Mapping[str, Any]) -> None:
    """The query of a custom SQL expectation: only `{batch}` stands in braces, for it is put into the text by `str.format`."""
    query = kwargs.get(QUERY)
    if not isinstance(query, str):
        raise InputError(path, place, f"has no {QUERY}", f'write "{QUERY}": "SELECT … FROM {{batch}} WHERE …"')
    hint = "double every other brace: {{3}}"
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(query) if name is not None]
    except ValueError as error:
        raise InputError(path, f"{place}.{QUERY}", str(error).lower(), hint) from error
    if any(one != ("batch", "", None) for one in fields):
        raise InputError(path, f"{place}.{QUERY}", "only {batch} may stand in braces", hint)
    if kwargs.get("row_condition"):
        raise InputError(path, f"{place}.row_condition", "a query has none", "put the condition into its WHERE")


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = entry.get("meta")
    return meta if isinstance(meta, dict) else {}


def _table_of(entry: Mapping[str, Any]) -> str | None:
    table = _meta(entry).get("table") or entry.get("table")
    return table if isinstance(table, str) else None


def _check_id(suite: str, kind: str, kwargs: Mapping[str, Any]) -> str:
    about = [str(kwargs[key]) for key in _COLUMN_KEYS[:3] if key in kwargs] or kwargs.get("column_list") or []
    parts = ["contract", suite, kind, *([",".join(map(str, about))] if isinstance(about, list) and about else [])]
    return "/".join(_part(part) for part in parts)


def _part(text: str) -> str:
    """One part of an id: no slash, no space, no sign that a terminal would act on."""
    from auditor.outputs.escape import visible

    return visible(text).replace("%", "%25").replace("/", "%2F").replace(" ", "%20")


def _unique(check_id: str, taken: set[str]) -> str:
    if check_id not in taken:
        return check_id
    return next(one for number in range(2, len(taken) + 3) if (one := f"{check_id}~{number}") not in taken)


def _title(kind: str, table: str, kwargs: Mapping[str, Any]) -> str:
    """A sentence for an expectation without a description.

    >>> _title("expect_column_max_to_be_between", "annotation", {"column": "confidence", "max_value": 1})
    'annotation.confidence: column max to be between (max_value 1)'
    """
    about = [str(kwargs[key]) for key in _COLUMN_KEYS[:3] if key in kwargs]
    rest = ", ".join(f"{key} {_short(value)}" for key, value in kwargs.items() if key not in _COLUMN_KEYS[:3])
    words = kind.removeprefix("expect_").replace("_", " ")
    return f"{table}{'.' if about else ''}{', '.join(about)}: {words}" + (f" ({rest})" if rest else "")


def _short(value: Any) -> str:
    from auditor.outputs.escape import shorten

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shorten(" ".join(text.split()), 80)


def _condition_columns(condition: Any) -> Iterator[str]:
    """Columns that a row condition names, in either of its forms."""
    if isinstance(condition, str):
        yield from _LEGACY_COLUMN.findall(condition)
    elif isinstance(condition, list):
        for entry in condition:
            yield from _condition_columns(entry)
    elif isinstance(condition, dict):
        column = condition.get("column")
        if isinstance(column, dict) and isinstance(column.get("name"), str):
            yield column["name"]
        for key, value in condition.items():
            if key != "column":
                yield from _condition_columns(value) if isinstance(value, (dict, list)) else ()
