"""A SQLAlchemy dialect for DuckDB connections that are open already, locked ones among them.

Great Expectations speaks SQLAlchemy and knows dialects by name. Ours has a scheme of its own (`auditor_duckdb`) and calls itself
`postgresql`, whose quantiles, casts and standard deviation DuckDB understands. What differs is done here:

- Every statement has a DuckDB cursor to itself, so its rows can be read after the connection was given back to the pool.
- Columns are reflected from `duckdb_columns()`; nested types get a type of their own (a `NullType` breaks whoever renders it).
- A LIMIT without an order is given one: the first rows of a scan in many threads are other ones in every run.
- Nothing is begun, committed, created or changed: the connection belongs to the caller, who also closes it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer, PGTypeCompiler
from sqlalchemy.engine import reflection
from sqlalchemy.types import UserDefinedType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from duckdb import DuckDBPyConnection

SCHEME = "auditor_duckdb"
_OPEN: dict[str, DuckDBPyConnection] = {}
# The types that SQLAlchemy has a word for; the others are `Named`. Either way they are written as DuckDB writes them.
_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "BOOLEAN": postgresql.BOOLEAN,
    "SMALLINT": postgresql.SMALLINT,
    "INTEGER": postgresql.INTEGER,
    "BIGINT": postgresql.BIGINT,
    "FLOAT": postgresql.REAL,
    "DOUBLE": postgresql.DOUBLE_PRECISION,
    "VARCHAR": postgresql.VARCHAR,
    "BLOB": postgresql.BYTEA,
    "DATE": postgresql.DATE,
    "TIMESTAMP": postgresql.TIMESTAMP,
    "UUID": postgresql.UUID,
}


class Named(UserDefinedType[Any]):
    """A type under DuckDB's own name: a list, struct, map, HUGEINT and whatever SQLAlchemy has no word for."""

    cache_ok = True

    def __init__(self, spec: str) -> None:
        self.spec = spec

    def get_col_spec(self, **_kw: Any) -> str:
        """The type as DuckDB writes it."""
        return self.spec


def column_type(spec: str) -> sa.types.TypeEngine[Any]:
    """SQLAlchemy's type for a DuckDB type.

    >>> [column_type(spec).compile(dialect=DuckDBDialect()) for spec in ("DOUBLE", "TIMESTAMP", "DECIMAL(10,2)", "FLOAT[]")]
    ['DOUBLE', 'TIMESTAMP', 'DECIMAL(10,2)', 'FLOAT[]']
    """
    return _TYPES[spec]() if spec in _TYPES else Named(spec)


class _Connection:
    """What SQLAlchemy's pool holds: hands out cursors, and leaves the caller's connection alone."""

    def __init__(self, con: DuckDBPyConnection) -> None:
        self._con = con

    def cursor(self) -> DuckDBPyConnection:
        """A cursor of its own for each statement; it outlives this connection's return to the pool."""
        return self._con.cursor()

    def commit(self) -> None:
        """Nothing is ever written."""

    def rollback(self) -> None:
        """Nothing is ever begun."""

    def close(self) -> None:
        """The connection belongs to the caller."""


class _Compiler(PGCompiler):
    """PostgreSQL's SQL where DuckDB reads it the same way, DuckDB's where it does not."""

    # Parameters are named for columns, and a name with white space in it is lost when a list of values is put in.
    bindname_escape_characters: ClassVar[Mapping[str, str]] = {
        **PGCompiler.bindname_escape_characters,
        **{chr(code): "_" for code in range(0x3001) if chr(code).isspace()},
    }

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        """`~` and `!~` as functions: in DuckDB `~` may mean the whole text, in PostgreSQL it means any part."""
        if operator.opstring in {"~", "!~"}:
            left, right = (self.process(side, **kw) for side in (element.left, element.right))
            return f"{'NOT ' if operator.opstring == '!~' else ''}regexp_matches({left}, {right})"
        return str(super().visit_custom_op_binary(element, operator, **kw))  # type: ignore[no-untyped-call]

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """The first rows of an order, never of chance."""
        clause = super().limit_clause(select, **kw)  # type: ignore[no-untyped-call]
        return clause if select._order_by_clauses else f" ORDER BY ALL{clause}"  # noqa: SLF001  # there is no public reader


class _TypeCompiler(PGTypeCompiler):
    """DuckDB's names where PostgreSQL's are others."""

    def visit_TIMESTAMP(self, type_: Any, **kw: Any) -> str:  # noqa: N802  # SQLAlchemy's visitors are named for types
        """Whatever PostgreSQL says of time zones and digits, DuckDB says in one word."""
        del type_, kw
        return "TIMESTAMP"

    def visit_DOUBLE_PRECISION(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        """Eight bytes."""
        del type_, kw
        return "DOUBLE"

    def visit_REAL(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        """Four bytes."""
        del type_, kw
        return "FLOAT"

    def visit_BYTEA(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        """Bytes."""
        del type_, kw
        return "BLOB"


class _Preparer(PGIdentifierPreparer):
    """Every name in quotes: DuckDB's reserved words are not PostgreSQL's."""

    def _requires_quotes(self, value: str) -> bool:
        del value
        return True


class DuckDBDialect(PGDialect):
    """See the module's docstring."""

    name = "postgresql"
    driver = "auditor_duckdb"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    statement_compiler = _Compiler
    type_compiler_cls = _TypeCompiler
    preparer = _Preparer
    supports_sane_rowcount = False
    _backslash_escapes = False

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """DuckDB's own module."""
        import duckdb

        return duckdb

    def create_connect_args(self, url: sa.URL) -> tuple[list[Any], dict[str, Any]]:
        """The URL's database part names a connection that `url` was asked for."""
        return [], {"token": url.database}

    def connect(self, *_args: Any, **kw: Any) -> Any:
        """The connection of that name."""
        return _Connection(_OPEN[kw["token"]])

    def initialize(self, connection: sa.Connection) -> None:
        """No questions about the server's version and settings: there is no server."""

    def on_connect(self) -> None:
        """No session settings: the configuration is locked."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """It is in this process: it cannot go away."""
        del dbapi_connection
        return True

    @reflection.cache
    def get_columns(self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Columns with their types, in order."""
        del schema, kw
        rows = connection.exec_driver_sql(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", (str(table_name),)
        ).all()
        if not rows:
            raise sa.exc.NoSuchTableError(table_name)
        return [{"name": name, "type": column_type(spec), "nullable": True, "default": None} for name, spec in rows]

    def get_pk_constraint(self, connection: Any, table_name: Any, schema: Any = None, **kw: Any) -> Any:
        """Views have no key."""
        del connection, table_name, schema, kw
        return {"constrained_columns": [], "name": None}

    def has_table(self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether there is such a view."""
        del schema, kw
        return table_name in self.get_table_names(connection)

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """The views that the connection sees."""
        del schema, kw
        return list(connection.exec_driver_sql("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").scalars())

    def get_view_names(self, connection: Any, schema: Any = None, **kw: Any) -> list[str]:
        """None: they are listed as tables."""
        del connection, schema, kw
        return []

    def get_schema_names(self, connection: Any, **kw: Any) -> list[str]:
        """DuckDB's only one."""
        del connection, kw
        return ["main"]


def count_alike(table: Any, columns: Sequence[str], keys: Sequence[str]) -> Any:
    """A table's rows with `_num_rows`: how many rows have the same values in `keys`, a NULL like any other value."""
    count = sa.func.count().over(partition_by=[sa.column(name) for name in keys]).label("_num_rows")
    return sa.select(*(sa.column(name) for name in columns), count).select_from(table).alias("counted")


def count_repeated(table: Any, keys: Sequence[str], *, nulls: bool) -> Any:
    """A query for how many rows share their values in `keys` with another row.

    Grouped by a hash first, for integers group at half the memory of texts; what the hash cannot tell apart is grouped by value.

    Args:
        table: which rows.
        keys: the columns.
        nulls: whether a row with NULLs counts, a NULL being equal to a NULL.
    """
    columns: list[Any] = [sa.column(name) for name in keys]
    wanted = sa.true() if nulls else sa.and_(*(column.is_not(None) for column in columns))
    code = sa.func.hash(*columns)
    several = sa.func.count() > 1
    codes = sa.select(code).select_from(table).where(wanted).group_by(code).having(several)
    groups = (
        sa.select(sa.func.count().label("rows"))
        .select_from(table)
        .where(wanted, code.in_(codes))
        .group_by(*columns)
        .having(several)
        .subquery()
    )
    return sa.select(sa.func.coalesce(sa.func.sum(groups.c.rows), 0))


def nearest_quantiles(column: Any, table: Any, quantiles: Sequence[float], ask: Callable[[Any], Sequence[Any]]) -> list[Any]:
    """The values at quantiles, at each the nearest of those that there are (halves go to the even one), as pandas and NumPy do.

    Args:
        column: whose values.
        table: where from.
        quantiles: each 0..1.
        ask: runs a query, returns its first row.
    """
    count = ask(sa.select(sa.func.count(column)).select_from(table))[0]
    if not count:
        return [None] * len(quantiles)
    # Half a step into the value, where no rounding of the product can lead to its neighbour.
    places = [(round(quantile * (count - 1)) + 0.5) / count for quantile in quantiles]
    return list(
        ask(sa.select(*(sa.func.quantile_disc(column, sa.literal_column(repr(place))) for place in places)).select_from(table))
    )


def url(con: DuckDBPyConnection) -> str:
    """A SQLAlchemy URL for an open connection; `forget` it when done.

    >>> import duckdb, sqlalchemy
    >>> address = url(duckdb.connect())
    >>> with sqlalchemy.create_engine(address).connect() as con:
    ...     result = con.execute(sqlalchemy.text("SELECT 6 * 7"))
    >>> result.scalar()
    42
    >>> forget(address)
    """
    registry.register(SCHEME, __name__, "DuckDBDialect")
    token = secrets.token_hex(8)
    _OPEN[token] = con
    return f"{SCHEME}:///{token}"


def forget(address: str) -> None:
    """Let go of the connection of a URL."""
    _OPEN.pop(address.rsplit("/", 1)[-1], None)
