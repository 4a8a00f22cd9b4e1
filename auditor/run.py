"""Runs measures and checks over opened tables: what can run runs, what cannot says what it needs."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from auditor import measure
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError
from auditor.tables import TABLES, present_columns, row_count, write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from auditor.check import Binder, Check, ParamValue
    from auditor.stage import Tables

Outcome = Literal["found", "skipped", "failed"]
# Tables in which no row means "nothing to complain about", not "nothing to look at".
_MAY_BE_EMPTY = {"intake"}


@dataclass(frozen=True)
class Result:
    """What became of one check.

    Attributes:
        check_id: which check.
        outcome: found | skipped | failed; never mixed.
        findings: how many rows it returned (0 unless found).
        reason: why it was skipped, or the error it failed with.
        supply: what the user can give so that it runs, or "".
        seconds: wall time.
    """

    check_id: str
    outcome: Outcome
    findings: int = 0
    reason: str = ""
    supply: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Lack:
    """Why something cannot run: `reason`, and what would supply it."""

    reason: str
    supply: str = ""


def first_line(error: Exception) -> str:
    r"""What an exception says, on one line.

    >>> first_line(ValueError("no\nyes")), first_line(KeyError())
    ('no', 'KeyError')
    """
    return str(error).split("\n", 1)[0] or type(error).__name__


def concealed(hidden: Mapping[str, str], columns: Sequence[str]) -> Lack | None:
    """What is lacking where the policy hides columns, or all that their MAPs would hold; None where it hides nothing.

    Where several are hidden, those that are sealed are named: somebody can open them.

    Args:
        hidden: "table.column" or "table.attributes.name" -> what to do if it should be shown.
        columns: "table.column".
    """
    names = [name for name in sorted(hidden) if any(name == one or name.startswith(f"{one}.") for one in columns)]
    sealed = [name for name in names if hidden[name].startswith("needs ")]
    if sealed:
        return Lack(f"needs {', '.join(sealed)}: sealed", hidden[sealed[0]].partition("; ")[2])
    return Lack(f"needs {', '.join(names)}, which the policy does not show", hidden[names[0]]) if names else None


class Session:
    """Opened tables, and the measures computed from them so far (each once, written to `folder`).

    Args:
        tables: canonical tables as checks may see them.
        folder: where measures go.
        work: for spilling.
        binder: empty tables, to find what a SQL measure reads.
        memory: DuckDB's memory limit.
        progress: called with (what, done, total).
        hidden: "table.column" or "table.attributes.name" -> what to do if it should be shown; of a sealed one
            "needs FIELD: sealed; what to do".
    """

    def __init__(
        self,
        tables: Tables,
        folder: Path,
        work: Path,
        binder: Binder,
        *,
        memory: str = engine.DEFAULT_MEMORY,
        progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
        hidden: Mapping[str, str] | None = None,
    ) -> None:
        self.tables = tables
        self.folder = folder
        self.work = work
        self.binder = binder
        self.memory = memory
        self.progress = progress
        self.hidden = hidden or {}
        self.measures: dict[str, Path] = {}
        self.seconds: dict[str, float] = {}
        self._lacks: dict[str, Lack | None] = {}
        self._faults: dict[str, str] = {}
        self._filled: dict[str, frozenset[str] | None] = {}

    @property
    def files(self) -> dict[str, Path]:
        """Table or measure -> Parquet file."""
        return {**self.tables.paths, **self.measures}

    @functools.cached_property
    def kinds(self) -> frozenset[str | None]:
        """What the items' media are: image, video, audio, text, table; None where that is not known."""
        if "media" not in self.tables.present["item"]:
            return frozenset([None])
        con = engine.connect(self.work, self.memory)
        try:
            engine.add_views(con, {"item": self.tables.paths["item"]})
            return frozenset(kind for (kind,) in con.execute("SELECT DISTINCT media FROM item").fetchall())
        finally:
            con.close()

    def lack(self, reads: Mapping[str, frozenset[str]], optional: frozenset[str]) -> Lack | None:
        """The first thing that is missing among what a check or measure reads; computes the measures it needs."""
        for name, columns in sorted(reads.items()):
            if name not in TABLES:
                found = self.measure(name) or self._hollow(name, columns, optional)
                if found is not None:
                    return found
                continue
            if name in _MAY_BE_EMPTY or (not columns and self.tables.rows[name]):
                continue
            if not self.tables.rows[name]:
                if name in optional:
                    continue
                supply = TABLES[name].supply
                return Lack(f"no {name} rows", supply)
            for column in sorted(columns - self.tables.present[name]):
                if f"{name}.{column}" not in optional and name not in optional:
                    return self._absent(name, column)
        return None

    def _hollow(self, name: str, columns: frozenset[str], optional: frozenset[str]) -> Lack | None:
        """What a measure that was computed lacks for a reader of these columns: rows at all, or one that has the column.

        Without this a check of columns that nothing fed would count as one that looked and found nothing.
        """
        module = measure.load(name)
        if name in optional or getattr(module, "SPARSE", False):
            return None
        if name not in self._filled:
            # From the file's statistics alone; None stands for no rows.
            path = self.measures[name]
            self._filled[name] = present_columns(path) if row_count(path) else None
        filled = self._filled[name]
        if filled is None:
            return self._empty(name, module)
        lacking = sorted(column for column in columns - filled if f"{name}.{column}" not in optional)
        return self._absent(name, lacking[0]) if lacking else None

    def _empty(self, name: str, module: Any) -> Lack:
        """Why a measure has no row: nothing fed its key, or what it says of itself."""
        for column in module.KEY:
            table, _, fed_by = module.COLUMNS[column].needs.partition(".")
            if fed_by and fed_by not in self.tables.present[table]:
                return self._absent(table, fed_by)
        return Lack(getattr(module, "EMPTY", f"the measure {name} has no row"))

    def _absent(self, name: str, column: str) -> Lack:
        """Why no row has a column, told by the column of the canonical tables that feeds it where that is empty."""
        full = f"{name}.{column}"
        withheld = concealed(self.hidden, [full])
        if withheld is not None:
            return withheld
        spec = self.binder.known[name][column]
        table, _, fed_by = spec.needs.partition(".")
        if fed_by and fed_by not in self.tables.present[table]:
            return self._absent(table, fed_by)
        return Lack(spec.absent or f"no row has {full}", spec.supply)

    def measure(self, name: str) -> Lack | None:
        """Compute a measure if that has not been done; says what it lacks, or None when its file is there."""
        if name in self._faults:
            raise AuditorError(self._faults[name])
        if name not in self._lacks:
            started = time.perf_counter()
            try:
                self._lacks[name] = self._compute(name)
            except Exception as error:
                # Remembered, so that the next check that needs it fails at once instead of trying again.
                self._faults[name] = f"the measure {name} failed: {first_line(error)}"
                raise AuditorError(self._faults[name]) from error
            finally:
                self.seconds[name] = time.perf_counter() - started
        return self._lacks[name]

    def try_measure(self, name: str) -> Lack | None:
        """As `measure`, for what is shown but judged by nobody: a fault is something it lacks."""
        try:
            return self.measure(name)
        except AuditorError as error:
            return Lack(error.message)

    def _compute(self, name: str) -> Lack | None:
        module = measure.load(name)
        optional = frozenset(getattr(module, "OPTIONAL", ()))
        reads = self.reads(module)
        # Of another measure it needs rows; which of its columns may be empty is its own business.
        found = self.lack({table: columns if table in TABLES else frozenset() for table, columns in reads.items()}, optional)
        if found is not None:
            return found
        for group in getattr(module, "ANY_OF", ()):
            if not any(column in self.tables.present[table] for table, _, column in (name.partition(".") for name in group)):
                withheld = concealed(self.hidden, group)
                if withheld is not None:
                    return withheld
                supplies = [TABLES[table].columns[column].supply for table, _, column in (name.partition(".") for name in group)]
                return Lack(f"no row has {' or '.join(group)}", " or ".join(dict.fromkeys(filter(None, supplies))))
        if getattr(module, "MEDIA", False) and self.tables.media is None:
            return Lack("needs pixels", "give --media FOLDER")
        package = getattr(module, "NEEDS", None)
        if package and find_spec(package[0]) is None:
            return Lack(f"needs {package[1]}", package[2])
        path = self.folder / f"{name}.parquet"
        con = engine.connect(self.work, self.memory)
        try:
            if hasattr(module, "SQL"):
                engine.add_views(con, {table: self.files[table] for table in reads})
                query = module.SQL
            else:
                engine.add_views(con, {table: self.files[table] for table in reads})
                rows = module.compute(measure.Inputs(con, self.tables.media, self.progress))
                con.register("measured", rows)
                query = "SELECT * FROM measured"
            typed = ", ".join(f'CAST("{column}" AS {spec.type}) AS "{column}"' for column, spec in module.COLUMNS.items())
            # A sort of what is sorted already costs as much as the measure itself where there are ten million rows.
            order = () if getattr(module, "SORTED", False) else module.KEY
            write_parquet(con, f"SELECT {typed} FROM ({query})", order, path)
        finally:
            con.close()
        self.measures[name] = path
        return None

    def adopt(self, name: str, path: Path) -> None:
        """Take a measure that was computed before from the same rows by the same code."""
        self.measures[name] = path
        self._lacks[name] = None

    def reads(self, module: object) -> dict[str, frozenset[str]]:
        """Table or measure -> the columns that a measure's module reads; none means all, or only how many rows."""
        if hasattr(module, "SQL"):
            return self.binder.columns_read(module.SQL, {})
        reads: dict[str, frozenset[str]] = {}
        for entry in module.READS:  # type: ignore[attr-defined]  # a measure module has SQL or READS
            table, _, column = entry.partition(".")
            reads[table] = reads.get(table, frozenset()) | ({column} if column else frozenset())
        return reads


def run_check(
    session: Session,
    check: Check,
    params: Mapping[str, ParamValue],
    sink: Callable[[pa.RecordBatchReader], int],
) -> Result:
    """Ask one check of the tables.

    Args:
        session: the tables and measures.
        check: the check.
        params: a value for each of its parameters.
        sink: takes the result rows, returns how many became findings.

    Returns:
        found, skipped with what it lacks, or failed with the error; never raises for a fault of the check.
    """
    started = time.perf_counter()
    try:
        lack = session.lack(check.reads, frozenset(check.header.optional))
        if lack is not None:
            return Result(check.id, "skipped", reason=lack.reason, supply=lack.supply, seconds=time.perf_counter() - started)
        files = {name: session.files[name] for name in check.reads}
        ask = _own if check.builtin else _foreign
        if check.header.looks_at:
            used = {name: value for name, value in params.items() if name in check.looks_with}
            first = f"SELECT 1 FROM ({check.header.looks_at}) LIMIT 1"
            if not ask(session, first, used, files, lambda rows: int(rows.read_all().num_rows)):
                return Result(check.id, "skipped", reason=check.header.nothing, seconds=time.perf_counter() - started)
        count = ask(session, check.sql, params, files, sink)
    except Exception as error:  # noqa: BLE001  # whatever a check does, the others go on and the verdict says so
        return Result(check.id, "failed", reason=first_line(error), seconds=time.perf_counter() - started)
    return Result(check.id, "found", count, seconds=time.perf_counter() - started)


def _own(
    session: Session,
    sql: str,
    params: Mapping[str, ParamValue],
    files: Mapping[str, Path],
    sink: Callable[[pa.RecordBatchReader], int],
) -> int:
    con = engine.connect(session.work, session.memory)
    try:
        engine.lock(con, files)
        return sink(con.sql(sql, params=dict(params)).to_arrow_reader(65_536))
    finally:
        con.close()


def _foreign(
    session: Session,
    sql: str,
    params: Mapping[str, ParamValue],
    files: Mapping[str, Path],
    sink: Callable[[pa.RecordBatchReader], int],
) -> int:
    from auditor import child

    with child.rows(sql, params, files, session.work) as reader:
        return sink(reader)
