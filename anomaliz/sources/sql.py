"""Any SQL database that SQLAlchemy has a dialect for."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from anomaliz.config.settings import Count, Secret
from anomaliz.core.errors import AnomalizError, SourceError
from anomaliz.sources.gathering import Gathering
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings
from anomaliz.sources.shortened import shortened
from anomaliz.sources.sql_dialects import DIALECTS, OTHER, dialect_of
from anomaliz.sources.sql_query import SqlQuery, depends_on_time
from anomaliz.sources.table import Columns, Layout, gather
from anomaliz.transport.database_url import DatabaseUrl
from anomaliz.transport.time_limit import OUT_OF_TIME, within

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

BLOCK = 50_000
"""Rows that are held as Python objects at once."""

OTHERWISE_OPEN = "with a different configuration"


class SqlSettings(Layout):
    """A database."""

    type: Literal["sql"] = "sql"
    url: Secret = Field(
        description="As SQLAlchemy has it: `postgresql+psycopg://user:password@host/database`, `duckdb:///file`."
    )
    max_rows: Count = Field(1_000_000, description="Most rows that one query may give.")
    timeout: Annotated[float, Field(gt=0)] = Field(60.0, description="Seconds until a query is stopped.")
    chunk_rows: Count = Field(
        10_000, description="Most stamps in a chunk, and in one query that uses its start and end."
    )


class SqlSource:
    """A source of SQL queries. Nothing that it does is committed.

    A query binds `:start` and `:end` (or `:start_epoch` and `:end_epoch`, seconds) and may be a template of
    Jinja. One that uses neither is asked once, and has to give the whole table.
    """

    looks_back = False

    def __init__(self, settings: SqlSettings) -> None:
        """Raise SourceError for a URL that cannot be read or has no driver; connects to nothing."""
        self._settings = settings
        self._url = DatabaseUrl(
            settings.url.get_secret_value(), SourceError, feature="reading SQL", extra="sources"
        )
        self._name = self._url.name
        self._dialect = DIALECTS.get(self._url.backend, OTHER)
        self._engine = self._engine_of(read_only=True)

    def read(
        self, query: str, start: np.datetime64, end: np.datetime64, step: np.timedelta64
    ) -> Iterator[Readings]:
        """Yield chunks as `Source.read` says.

        Raises DataError for a query that is not one statement that reads and for a table that has no stamps
        or metrics, SourceError also where it gives more than `max_rows` rows or takes longer than `timeout`.
        """
        grid = Grid.of(start, end, step)
        return self._chunks(query, grid)

    def check(self) -> None:
        """Raise SourceError where the database cannot be connected to."""
        with self._connected():
            pass

    def close(self) -> None:
        self._engine.dispose()

    def _chunks(self, query: str, grid: Grid) -> Iterator[Readings]:
        size = self._settings.chunk_rows
        for part in grid.parts(size if depends_on_time(query) else max(len(grid), 1)):
            try:
                gathered = self._gathered(query, part)
            except AnomalizError as error:
                message = f"{self._name}, query {shortened(query)}: {error}"
                raise type(error)(message, field=error.field) from None
            yield from gathered.readings(size)

    def _gathered(self, query: str, grid: Grid) -> Gathering:
        start, end = _datetime(grid.start), _datetime(grid.end)
        step = timedelta(microseconds=int(grid.step // np.timedelta64(1, "us")))
        asked = SqlQuery.parse(query, start, end, step)
        gathering, columns = Gathering(grid), None
        for frame in self._frames(asked.statement, asked.values(start, end, step, self._dialect.bound)):
            columns = columns or Columns.of(frame, self._settings)
            gather(frame, columns, gathering)
        return gathering

    def _frames(self, statement: str, values: dict[str, object]) -> Iterator["pd.DataFrame"]:
        import sqlalchemy as sa

        n_rows = 0
        with self._connected() as connection, self._watched(connection):
            block = min(BLOCK, self._settings.max_rows + 1)
            for frame in self._dialect.blocks(connection, sa.text(statement), values, block):
                n_rows += len(frame)
                if n_rows > self._settings.max_rows:
                    most = self._settings.max_rows
                    raise SourceError(f"it gives over {most} rows: bind :start and :end, or raise max_rows")
                yield frame

    @contextmanager
    def _connected(self) -> Iterator["sa.Connection"]:
        """Yield a connection whose transaction is rolled back at the end."""
        import sqlalchemy as sa

        try:
            self._require_file()
            connection = self._opened()
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            raise SourceError(
                f"{self._name} cannot be connected to ({self._url.reason(error)}): check the URL"
            ) from None
        with connection:
            try:
                yield connection
            finally:
                # A connection that is lost has nothing to roll back.
                with suppress(sa.exc.SQLAlchemyError):
                    connection.rollback()

    def _opened(self) -> "sa.Connection":
        """Return a connection on which what follows is harmless and short."""
        connection = self._connection()
        milliseconds = max(int(self._settings.timeout * 1000), 1)
        try:
            for statement in dialect_of(connection.dialect).opening:
                connection.exec_driver_sql(statement.format(ms=milliseconds, s=milliseconds / 1000))
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _watched(self, connection: "sa.Connection") -> Iterator[None]:
        """Stop what runs when its time is over; every fault of the database is a SourceError."""
        import sqlalchemy as sa

        late = f"it took longer than {self._settings.timeout:g} s: ask for less, or raise timeout"
        try:
            with within(connection, self._url.backend, self._settings.timeout):
                yield
        except TimeoutError:
            raise SourceError(late) from None
        except (sa.exc.SQLAlchemyError, RuntimeError) as error:
            reason = self._url.reason(error)
            if any(words in reason for words in OUT_OF_TIME):
                raise SourceError(late) from None
            raise SourceError(f"the database refuses it ({reason}): check the query") from None

    def _connection(self) -> "sa.Connection":
        import sqlalchemy as sa

        try:
            return self._engine.connect()
        except sa.exc.DBAPIError as error:
            if OTHERWISE_OPEN not in str(error):
                raise
        # DuckDB has a file open once in a process: where it is written to here, it cannot be read-only.
        self._engine = self._engine_of(read_only=False)
        return self._engine.connect()

    def _engine_of(self, *, read_only: bool) -> "sa.Engine":
        from sqlalchemy import NullPool

        arguments = dict(self._dialect.connect_args)
        if read_only and self._url.backend == "duckdb" and self._url.is_file:
            arguments["read_only"] = True
        # A connection a read: schedules are minutes apart, and one that lies idle goes stale.
        return self._url.engine(poolclass=NullPool, connect_args=arguments)

    def _require_file(self) -> None:
        """Raise where a SQLite file is absent, which connecting would make."""
        if self._url.backend == "sqlite" and self._url.is_file and not Path(self._url.database).is_file():
            raise FileNotFoundError("there is no such file")


def _datetime(stamp: np.datetime64) -> datetime:
    aware: datetime = stamp.astype("datetime64[us]").item().replace(tzinfo=UTC)
    return aware
