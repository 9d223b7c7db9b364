"""What SQL dialects have of their own: how a read is kept harmless and short, and how stamps are bound."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

Values: TypeAlias = Mapping[str, object]


def naive(stamp: datetime) -> object:
    return stamp.astimezone(UTC).replace(tzinfo=None)


def aware(stamp: datetime) -> object:
    return stamp


def text(stamp: datetime) -> object:
    """Return the text that SQLite's own functions write, so that stamps compare as text."""
    return str(naive(stamp))


def rows(
    connection: "sa.Connection", statement: "sa.TextClause", values: Values, size: int
) -> Iterator["pd.DataFrame"]:
    """Yield the answer to a statement in blocks of at most `size` rows."""
    import pandas as pd

    streamed = connection.execution_options(stream_results=True, max_row_buffer=size)
    with streamed.execute(statement, values) as answer:
        names = list(answer.keys())
        while block := answer.fetchmany(size):
            yield pd.DataFrame.from_records([tuple(row) for row in block], columns=names)


def arrow(
    connection: "sa.Connection", statement: "sa.TextClause", values: Values, size: int
) -> Iterator["pd.DataFrame"]:
    """Yield what DuckDB answers as it holds it: faster than rows, and stamps with zones need no pytz."""
    import duckdb

    compiled = statement.compile(dialect=connection.dialect)
    driver: Any = connection.connection.driver_connection
    bound = [values[name] for name in compiled.positiontup or ()] or values
    try:
        for block in driver.sql(compiled.string, params=bound or None).to_arrow_reader(size):
            yield block.to_pandas()
    except duckdb.Error as error:
        raise RuntimeError(str(error)) from None


@dataclass(frozen=True)
class Dialect:
    """How one kind of database is read."""

    opening: tuple[str, ...] = ()
    """Statements before the query; `{ms}` and `{s}` are the timeout."""
    bound: Callable[[datetime], object] = naive
    """The stamp as it is bound."""
    blocks: Callable[["sa.Connection", "sa.TextClause", Values, int], Iterator["pd.DataFrame"]] = rows
    """The answer to a statement with values bound, in blocks of so many rows."""
    connect_args: Mapping[str, object] = field(default_factory=dict)


CONNECT_SECONDS = 10
POSTGRESQL = Dialect(
    (
        "SET TRANSACTION READ ONLY",
        "SET LOCAL statement_timeout = {ms}",
        "SET LOCAL TIME ZONE 'UTC'",
    ),
    connect_args={"connect_timeout": CONNECT_SECONDS},
)
MYSQL = Dialect(
    (
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION MAX_EXECUTION_TIME = {ms}",
        "SET time_zone = '+00:00'",
    ),
    connect_args={"connect_timeout": CONNECT_SECONDS},
)
MARIADB = Dialect(
    ("SET SESSION TRANSACTION READ ONLY", "SET SESSION max_statement_time = {s}", "SET time_zone = '+00:00'"),
    connect_args={"connect_timeout": CONNECT_SECONDS},
)
DIALECTS: Mapping[str, Dialect] = {
    "postgresql": POSTGRESQL,
    "redshift": Dialect(("SET statement_timeout = {ms}", "SET TIME ZONE 'UTC'")),
    "mysql": MYSQL,
    "mariadb": MARIADB,
    "sqlite": Dialect(("PRAGMA query_only = ON",), bound=text),
    "duckdb": Dialect(blocks=arrow),
    "snowflake": Dialect(
        ("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {s:.0f}", "ALTER SESSION SET TIMEZONE = 'UTC'")
    ),
    "bigquery": Dialect(bound=aware),
}
OTHER = Dialect()
"""Of a database that has no line here: rolled back, limited in rows, and as patient as its server."""


def dialect_of(connected: "sa.Dialect") -> Dialect:
    """Return the line of a connected database: a URL `mysql://` does not tell MySQL from MariaDB."""
    if getattr(connected, "is_mariadb", False):
        return MARIADB
    return DIALECTS.get(connected.name, OTHER)
