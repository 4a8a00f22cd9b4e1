"""Contracts: Great Expectations suites asked of Parquet tables through DuckDB; what is not met becomes findings.

The only file that imports Great Expectations, inside functions. It is asked through `engines.sqlalchemy_duckdb` over a locked
connection that sees the given files and nothing else; the SQL of custom expectations passes the same allow-list as checks. Its
telemetry is off, its context lives in memory, nothing is written (Data Docs only where they are asked for).

Each expectation ends in one of three outcomes: *found* (it was judged: met or not), *skipped* (its table has no rows, or the policy
hides a column that it needs), *failed* (it raised an error).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import io
import logging
import os
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from auditor import attribute, breach, suite, unmet
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection as Connection

    from auditor.breach import Contract, Row
    from auditor.suite import Expectation, Suite

Page = tuple[str, Any, Any]  # name, suite, validation result: Great Expectations' own
MAX_ROWS = 1_000  # findings an expectation may make; the rest is counted
# What every expectation has; hints name the rest.
_OF_ALL = {"batch_id", "catch_exceptions", "condition_parser", "description", "id", "library_metadata", "meta", "metadata", "notes",
           "rendered_content", "result_format", "severity", "windows"}  # fmt: skip
# What needs something that there is not, and why: these fail, and the others are asked.
UNSUPPORTED = {
    "expect_column_values_to_be_increasing": "a table has no order of rows",
    "expect_column_values_to_be_decreasing": "a table has no order of rows",
    "expect_column_values_to_be_dateutil_parseable": "it takes Python code, row by row; expect_…_match_strftime_format does not",
    "expect_column_values_to_match_json_schema": "it takes Python code, row by row; expect_…_json_parseable does not",
    "expect_query_results_to_match_comparison": "there is no second data source; join the tables in an unexpected_rows_expectation",
}


def load(path: Path) -> Suite:
    """Read a suite and have Great Expectations judge its expectations; no table is looked at.

    Raises:
        InputError: the file is no suite, an expectation does not exist (with a suggestion) or has arguments that it does not take.
        AuditorError: Great Expectations is not installed.
    """
    found = suite.read(path)
    with _quiet():
        known = _known()
        for one in found.expectations:
            if one.type not in known:
                raise InputError(
                    found.file, one.place, f"there is no expectation {one.type!r}", suite.near(one.type, sorted(known))
                )
            _build(one, found.file, known)
    return found


def run(
    found: Suite,
    files: Mapping[str, Path],
    *,
    hidden: Mapping[str, str] | None = None,
    work: Path | None = None,
    memory: str = engine.DEFAULT_MEMORY,
    limit: int = MAX_ROWS,
    pages: list[Page] | None = None,
) -> Contract:
    """Ask a suite of tables.

    Args:
        found: from `load`.
        files: table -> Parquet file, opened under the policy already; nothing else is read.
        hidden: "table.column" -> what to do if it should be shown; expectations that need one are skipped.
        work: where DuckDB may spill; a temporary folder where it is None.
        memory: DuckDB's memory limit.
        limit: how many rows of an expectation become findings; the rest is counted.
        pages: takes what `write_docs` makes Great Expectations' own pages of, or None.

    Returns:
        One row per expectation, and the findings.

    Raises:
        InputError: the suite names a table or column that there is not, or its SQL is not allowed.
    """
    with contextlib.ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auditor-contract-")))
        known = breach.Known.of(files)
        con = engine.connect(folder, memory)
        stack.callback(con.close)
        # For every cursor: each statement has one to itself.
        con.execute("SET GLOBAL TimeZone = 'UTC'")
        engine.lock(con, files)
        known = attribute.add_views(found, known, con)
        reads = breach.verify(found, known, con)
        stack.enter_context(_quiet())
        lacks = {one.check_id: breach.lack(one, reads[one.check_id], known, hidden or {}) for one in found.expectations}
        rows = {check_id: breach.skip(lack) for check_id, lack in lacks.items() if lack}
        for one in found.expectations:
            if one.type in UNSUPPORTED:
                rows[one.check_id] = breach.fail(f"not supported: {UNSUPPORTED[one.type]}")
        asked = [one for one in found.expectations if one.check_id not in rows]
        if asked:
            with _session(con) as session:
                of = {one.check_id: attribute.asked_of(one, known) for one in asked}
                for view in dict.fromkeys(of.values()):
                    rows |= session.ask(view, [one for one in asked if of[one.check_id] == view], known, limit)
                if pages is not None:
                    pages.extend(session.pages(found, asked, of))
        return unmet.conclude(found, rows, con, known, limit)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations without telemetry, progress bars, log lines, prints and warnings: none of them is for our user."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    log = logging.getLogger("great_expectations")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _known() -> dict[str, Any]:
    """Great Expectations' own expectations by name."""
    try:
        from great_expectations.expectations import core
    except ImportError as error:
        raise AuditorError(
            f"contracts need great-expectations and sqlalchemy: {error}", "pip install 'label-auditor[contracts]'"
        ) from error
    from great_expectations.expectations.expectation import Expectation as Base

    classes = [one for one in vars(core).values() if isinstance(one, type) and issubclass(one, Base)]
    # The deprecated ones that were never given an implementation have no name either.
    return {name: one for one in classes if (name := getattr(one, "expectation_type", ""))}


def _build(one: Expectation, file: str, known: Mapping[str, Any]) -> Any:
    from great_expectations.compatibility.pydantic import ValidationError

    kwargs = dict(one.kwargs)
    if one.type == suite.SQL_TYPE:
        # With the table's name put in already: what runs is what was judged.
        kwargs[suite.QUERY] = one.query
    severity = {"error": "critical"}.get(one.severity, one.severity)
    try:
        return known[one.type](**kwargs, severity=severity, meta={"check_id": one.check_id}, description=one.title)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "__root__")
        place = f"{one.place} ({one.type})" + (f": {where}" if where else "")
        fields = sorted(set(known[one.type].__fields__) - _OF_ALL)
        raise InputError(file, place, str(first["msg"]).split("\n", 1)[0].lower(), f"it takes {', '.join(fields)}") from error
    except (TypeError, ValueError) as error:
        raise InputError(file, f"{one.place} ({one.type})", str(error).split("\n", 1)[0], "correct its kwargs") from error


@functools.cache
def _source_class() -> Any:
    """A data source whose engine also knows what Great Expectations has for pandas only, and answers as on pandas where it did not.

    The metrics are registered for this engine alone: other data sources of this process keep theirs.
    """
    import sqlalchemy as sa
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.datasource.fluent import SQLDatasource
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.expectations.metrics import map_metric_provider as maps
    from great_expectations.expectations.metrics.column_aggregate_metric_provider import ColumnAggregateMetricProvider
    from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value

    from auditor.engines.sqlalchemy_duckdb import count_alike, count_repeated, nearest_quantiles

    class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
        """SQLAlchemy over DuckDB."""

    class JsonParseable(maps.ColumnMapMetricProvider):
        condition_metric_name = "column_values.json_parseable"

        @maps.column_condition_partial(engine=DuckDBExecutionEngine)
        def _sqlalchemy(self, column: Any, **_kwargs: Any) -> Any:
            return sa.func.json_valid(column)

    class StrftimeFormat(maps.ColumnMapMetricProvider):
        condition_metric_name = "column_values.match_strftime_format"
        condition_value_keys = ("strftime_format",)

        @maps.column_condition_partial(engine=DuckDBExecutionEngine)
        def _sqlalchemy(self, column: Any, strftime_format: str, **_kwargs: Any) -> Any:
            return sa.func.try_strptime(column, strftime_format).is_not(None)

    class Greater(maps.ColumnPairMapMetricProvider):
        condition_metric_name = "column_pair_values.a_greater_than_b"
        condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if")
        condition_value_keys = ("or_equal",)

        @maps.column_pair_condition_partial(engine=DuckDBExecutionEngine)
        def _sqlalchemy(self, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803  # its names
            # NULL is not greater than anything: unknown counts as not met.
            return sa.func.coalesce(column_A >= column_B if kwargs.get("or_equal") else column_A > column_B, sa.false())

    class CompoundCount(maps.MulticolumnMapMetricProvider):
        function_metric_name = "compound_columns.count"
        condition_domain_keys = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")

        @maps.multicolumn_function_partial(engine=DuckDBExecutionEngine)
        def _sqlalchemy_function(self, _columns: Any, **kwargs: Any) -> Any:
            return count_alike(kwargs["_table"], kwargs["_table_columns"], kwargs["_column_names"])

    class UniqueCount(MetricProvider):
        metric_name = "column_values.unique.unexpected_count"
        domain_keys = maps.ColumnMapMetricProvider.condition_domain_keys

        @metric_value(engine=DuckDBExecutionEngine)
        def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_kwargs: Any) -> int:  # noqa: N805  # given by this name
            table = _selectable(execution_engine.get_domain_records(metric_domain_kwargs))
            query = count_repeated(table, [metric_domain_kwargs["column"]], nulls=False)
            return int(execution_engine.execute_query(query).scalar())

    class CompoundUniqueCount(MetricProvider):
        metric_name = "compound_columns.unique.unexpected_count"
        domain_keys = maps.MulticolumnMapMetricProvider.condition_domain_keys

        @metric_value(engine=DuckDBExecutionEngine)
        def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_kwargs: Any) -> int:  # noqa: N805  # given by this name
            table = _selectable(execution_engine.get_domain_records(metric_domain_kwargs))
            query = count_repeated(table, metric_domain_kwargs["column_list"], nulls=True)
            return int(execution_engine.execute_query(query).scalar())

    class Quantiles(ColumnAggregateMetricProvider):
        metric_name = "column.quantile_values"
        value_keys = ("quantiles", "allow_relative_error")

        @metric_value(engine=DuckDBExecutionEngine)
        def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_kwargs: Any) -> Any:  # noqa: N805  # given by this name
            table, _, accessor = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.COLUMN)
            column: sa.ColumnClause[Any] = sa.column(accessor["column"])
            return nearest_quantiles(
                column, table, metric_value_kwargs["quantiles"], lambda query: execution_engine.execute_query(query).fetchone()
            )

    class DuckDBTables(SQLDatasource):
        type: Literal["auditor_duckdb"] = "auditor_duckdb"
        execution_engine_override = DuckDBExecutionEngine

    return DuckDBTables


@contextlib.contextmanager
def _context() -> Iterator[Any]:
    """A Great Expectations context that lives in memory; whoever had one in this process gets it back."""
    from great_expectations.data_context.data_context.context_factory import project_manager
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig
    from great_expectations.exceptions.exceptions import DataContextRequiredError

    try:
        before = project_manager.get_current_project()
    except DataContextRequiredError:
        before = None
    try:
        settings = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        )
        context = EphemeralDataContext(project_config=settings)
        # Validation asks for the process's context.
        project_manager.set_project(context)
        yield context
    finally:
        project_manager.set_project(before)


@contextlib.contextmanager
def _session(con: Connection) -> Iterator[_Session]:
    from auditor.engines import sqlalchemy_duckdb

    address = sqlalchemy_duckdb.url(con)
    with _context() as context:
        # Without temporary tables: the connection is locked, and a view of a Parquet file needs no copy.
        _source_class()
        source = context.data_sources.add_auditor_duckdb("tables", connection_string=address, create_temp_table=False)
        try:
            yield _Session(context, source)
        finally:
            sqlalchemy_duckdb.forget(address)


def _selectable(records: Any) -> Any:
    """Rows to select from; with a row condition they come as a query."""
    return records.subquery() if hasattr(records, "subquery") else records


def _rounds(asked: Sequence[Expectation]) -> list[list[Expectation]]:
    """Expectations that may be asked at once: no two of one type about the same columns.

    Great Expectations mixes such up: of two about the quantiles of one column, the second is given the figures of the first.
    """
    rounds: list[dict[tuple[str, str], Expectation]] = []
    for one in asked:
        kind = (one.type, one.subject)
        free = next((taken for taken in rounds if kind not in taken), None)
        if free is None:
            rounds.append(free := {})
        free[kind] = one
    return [list(taken.values()) for taken in rounds]


def _judged(result: Any) -> Row:
    return breach.judge(result.result, success=bool(result.success))


def _raised(result: Any) -> str:
    """What an expectation raised, or ""; Great Expectations keeps it under the metric's id or at the top."""
    info = result.exception_info or {}
    entries = [info, *(one for one in info.values() if isinstance(one, dict))]
    return next((str(one.get("exception_message") or "an error") for one in entries if one.get("raised_exception")), "")


class _Session:
    """A Great Expectations context over one locked connection."""

    def __init__(self, context: Any, source: Any) -> None:
        self.context = context
        self.source = source
        self.known = _known()
        self._batches: dict[str, Any] = {}

    def definition(self, table: str) -> Any:
        """A whole table as a batch definition."""
        if table not in self._batches:
            asset = self.source.add_table_asset(table, table_name=table)
            self._batches[table] = asset.add_batch_definition_whole_table("whole")
        return self._batches[table]

    def ask(self, view: str, asked: Sequence[Expectation], known: breach.Known, limit: int) -> dict[str, Row]:
        """One row for each expectation about a table, asked of the table itself or of a view of it.

        Those that look at rows are asked for a yes or no first, all in one scan; the rows are fetched only of what is not met.
        """
        table = asked[0].table
        try:
            batch = self.definition(view).get_batch()
        except Exception as error:  # noqa: BLE001  # a name that Great Expectations writes without quotes: its table alone fails
            return {one.check_id: breach.fail(f"the table {table!r} cannot be asked: {error}") for one in asked}
        mapped = [one for one in asked if self._maps(one)]
        others = [one for one in asked if one not in mapped]
        rows: dict[str, Row] = {}
        for one, result in zip(mapped, self._all(batch, mapped, {"result_format": "BOOLEAN_ONLY"}), strict=True):
            if result.success and one.kwargs.get("mostly", 1) == 1:
                rows[one.check_id] = breach.met(None if one.partial else known.rows[table])
            else:
                index = known.index(table)
                fetch = {"result_format": "SUMMARY", "partial_unexpected_count": limit, "return_unexpected_index_query": False}
                fetch |= {"unexpected_index_column_names": list(index)} if index else {}
                rows[one.check_id] = self._one(batch, one, fetch)
        summary = {"result_format": "SUMMARY"}
        for one, result in zip(others, self._all(batch, others, summary), strict=True):
            # One that raises takes along those that were computed with it: ask it again, alone.
            rows[one.check_id] = self._one(batch, one, summary) if _raised(result) else _judged(result)
        return rows

    def _maps(self, one: Expectation) -> bool:
        from great_expectations.expectations.expectation import (
            ColumnMapExpectation,
            ColumnPairMapExpectation,
            MulticolumnMapExpectation,
        )

        return issubclass(self.known[one.type], (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation))

    def _all(self, batch: Any, asked: Sequence[Expectation], fetch: Mapping[str, Any]) -> list[Any]:
        from great_expectations import ExpectationSuite

        if not asked:
            return []
        results = {}
        for asked_at_once in _rounds(asked):
            made = ExpectationSuite(name="asked", expectations=[_build(one, "", self.known) for one in asked_at_once])
            for result in batch.validate(made, result_format=dict(fetch)).results:
                results[result.expectation_config.meta["check_id"]] = result
        return [results[one.check_id] for one in asked]

    def _one(self, batch: Any, one: Expectation, fetch: Mapping[str, Any]) -> Row:
        try:
            result = batch.validate(_build(one, "", self.known), result_format=dict(fetch))
        except Exception as error:  # noqa: BLE001  # whatever an expectation does, the others go on and the result says so
            return breach.fail(f"{type(error).__name__}: {error}")
        return breach.fail(_raised(result)) if _raised(result) else _judged(result)

    def pages(self, found: Suite, asked: Sequence[Expectation], of: Mapping[str, str]) -> Iterator[Page]:
        """What Great Expectations' own pages show of the suite, one for each table or view (`of`)."""
        from great_expectations import ExpectationSuite

        for view in dict.fromkeys(of[one.check_id] for one in asked if of[one.check_id] in self._batches):
            # A suite's name becomes a file's: it may hold no dots or slashes that lead elsewhere.
            name = re.sub(r"[^\w-]+", "_", f"{found.name}-{view}")
            about = [_build(one, found.file, self.known) for one in asked if of[one.check_id] == view]
            made = self.context.suites.add(ExpectationSuite(name=name, expectations=about))
            result = self.definition(view).get_batch().validate(made, result_format="SUMMARY")
            for one in result.results:
                one.success = bool(one.success)  # NumPy's own bool is no JSON, and would end it here
            yield name, made, result


def write_docs(pages: Sequence[Page], folder: Path) -> None:
    """Write Great Expectations' own pages of what `run` kept, and one index of them all, into `folder`.

    They load scripts from the network when they are opened.
    """
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    with _quiet(), _context() as context, tempfile.TemporaryDirectory(prefix="auditor-docs-") as made:
        place = {"class_name": "TupleFilesystemStoreBackend", "base_directory": made}
        context.add_data_docs_site("pages", {"class_name": "SiteBuilder", "store_backend": place})
        run = RunIdentifier(run_time=dt.datetime.now(dt.UTC))
        for name, about, result in pages:
            about.id = None  # the other context's
            context.suites.add(about)
            result.meta |= {"run_id": run, "validation_time": run.run_time}
            of_suite = ExpectationSuiteIdentifier(name=name)
            identifier = ValidationResultIdentifier(of_suite, run, result.batch_id)
            context.validation_results_store.store_validation_results(result, identifier, of_suite)
        context.build_data_docs(site_names=["pages"])
        shutil.copytree(made, folder, dirs_exist_ok=True)
