"""Any SQL database that SQLAlchemy has a dialect for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from anomaliz.config.settings import Count, Secret
from anomaliz.core.errors import AnomalizError, MissingExtraError, SourceError
from anomaliz.sources.gathering import Gathering
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings
from anomaliz.sources.shortened import shortened
from anomaliz.sources.sql_dialects import DIALECTS, GRACE_SECONDS, OTHER, Dialect, dialect_of
from anomaliz.sources.sql_query import SqlQuery, depends_on_time
from anomaliz.sources.table import Columns, Layout, gather

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

BLOCK = 50_000
"""Rows that are held as Python objects at once."""

OUT_OF_TIME = ("statement timeout", "max_statement_time", "maximum statement execution time")
"""How servers say that they stopped a query themselves."""
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
        try:
            import sqlalchemy as sa
        except ImportError:
            raise MissingExtraError.of("reading SQL", "sources") from None
        try:
            url = sa.make_url(settings.url.get_secret_value())
        except sa.exc.ArgumentError:
            raise SourceError(
                "the database URL cannot be read: give dialect://user:password@host/database", field="url"
            ) from None
        self._password = url.password
        self._name = f"{url.get_backend_name()}://{url.host or ''}/{url.database or ''}"
        self._dialect = DIALECTS.get(url.get_backend_name(), OTHER)
        self._engine = self._engine_of(url, self._dialect)

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
                f"{self._name} cannot be connected to ({self._reason(error)}): check the URL"
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

        over, ended = Event(), Event()
        driver = connection.connection.driver_connection

        def stop() -> None:
            over.set()
            for end in (self._dialect.stop, self._dialect.hang_up):
                # What cannot be stopped any more has ended.
                with suppress(Exception):
                    if end is not None:
                        end(driver)
                if ended.wait(GRACE_SECONDS):
                    return

        timer = Timer(self._settings.timeout, stop)
        timer.daemon = True
        timer.start()
        late = f"it took longer than {self._settings.timeout:g} s: ask for less, or raise timeout"
        try:
            yield
            # Some functions, stopped, answer as if they had ended.
            if over.is_set():
                raise SourceError(late)
        except (sa.exc.SQLAlchemyError, RuntimeError) as error:
            reason = self._reason(error)
            if over.is_set() or any(words in reason for words in OUT_OF_TIME):
                raise SourceError(late) from None
            raise SourceError(f"the database refuses it ({reason}): check the query") from None
        finally:
            ended.set()
            timer.cancel()

    def _connection(self) -> "sa.Connection":
        import sqlalchemy as sa

        try:
            return self._engine.connect()
        except sa.exc.DBAPIError as error:
            if OTHERWISE_OPEN not in str(error):
                raise
        # DuckDB has a file open once in a process: where it is written to here, it cannot be read-only.
        self._engine = sa.create_engine(self._engine.url, poolclass=sa.NullPool)
        return self._engine.connect()

    def _engine_of(self, url: "sa.URL", dialect: Dialect) -> "sa.Engine":
        import sqlalchemy as sa

        arguments = dict(dialect.connect_args)
        if url.get_backend_name() == "duckdb" and _is_file(url.database or ""):
            arguments["read_only"] = True
        try:
            # A connection a read: schedules are minutes apart, and one that lies idle goes stale.
            return sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
        except sa.exc.NoSuchModuleError:
            name = url.get_backend_name()
            raise SourceError(
                f"there is no driver for {name}:// here: install its SQLAlchemy dialect", field="url"
            ) from None
        except ModuleNotFoundError as error:
            raise SourceError(
                f"{self._name} needs the package {error.name}: pip install {error.name}", field="url"
            ) from None

    def _require_file(self) -> None:
        """Raise where a SQLite file is absent, which connecting would make."""
        url = self._engine.url
        path = url.database or ""
        if url.get_backend_name() == "sqlite" and _is_file(path) and not Path(path).is_file():
            raise FileNotFoundError("there is no such file")

    def _reason(self, error: BaseException) -> str:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
        return reason.replace(self._password, "***") if self._password else reason


def _is_file(database: str) -> bool:
    return bool(database) and not re.match(r":memory:|file:|md:|motherduck:", database)


def _datetime(stamp: np.datetime64) -> datetime:
    aware: datetime = stamp.astype("datetime64[us]").item().replace(tzinfo=UTC)
    return aware
