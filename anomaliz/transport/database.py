"""A SQL database that is written to: transactions that end in time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomaliz.core.errors import AnomalizError
from anomaliz.transport.database_url import DatabaseUrl
from anomaliz.transport.time_limit import OUT_OF_TIME, within

if TYPE_CHECKING:
    import sqlalchemy as sa

CONNECT_SECONDS = 10


class Database:
    """An engine for writing. Every fault is raised as the error that its owner wants, in one sentence."""

    def __init__(
        self, url: str, fault: type[AnomalizError], *, feature: str, extra: str, timeout: float
    ) -> None:
        """Raise `fault` for a URL that cannot be read or has no driver; connects to nothing.

        `feature` and its `extra` are named where SQLAlchemy is absent; `timeout` is that of a transaction.
        """
        self._url = DatabaseUrl(url, fault, feature=feature, extra=extra)
        self.name = self._url.name
        self.backend = self._url.backend
        self._fault = fault
        self._timeout = timeout
        self._made_folder = not self._url.is_file
        self.engine = self._engine()

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator["sa.Connection"]:
        """Yield a connection; what is done on it is committed at the end of the block, or nothing of it."""
        import sqlalchemy as sa

        try:
            self._require_folder()
            with (
                self.engine.connect().execution_options(writes=writes) as connection,
                within(connection, self.backend, self._timeout),
                connection.begin(),
            ):
                yield connection
        except TimeoutError:
            raise self._late() from None
        except (sa.exc.SQLAlchemyError, OSError, ImportError) as error:
            reason = self._url.reason(error)
            if any(words in reason for words in OUT_OF_TIME):
                raise self._late() from None
            raise self._fault(f"{self.name} cannot be used ({reason}): {_advice(reason)}") from None

    def close(self) -> None:
        """Let go of connections."""
        self.engine.dispose()

    def _engine(self) -> "sa.Engine":
        from sqlalchemy import NullPool

        if self.backend == "sqlite":
            engine = self._url.engine(connect_args=self._connect_args())
            _prepare_sqlite(engine)
            return engine
        # A connection a transaction: they are seconds apart, and one that lies idle goes stale.
        return self._url.engine(connect_args=self._connect_args(), poolclass=NullPool)

    def _connect_args(self) -> Mapping[str, object]:
        driver = self._url.driver
        if self.backend == "sqlite":
            # Shorter, so that it is SQLite that says that a file is locked.
            return {"timeout": 0.8 * self._timeout}
        # In whole seconds, and one is not allowed.
        connecting = max(round(min(CONNECT_SECONDS, self._timeout)), 2)
        if driver in ("psycopg", "psycopg2"):
            return {"connect_timeout": connecting}
        if driver == "pymysql":
            silence = max(round(self._timeout), 1)
            return {
                "connect_timeout": connecting,
                "read_timeout": silence,
                "write_timeout": silence,
            }
        return {}

    def _require_folder(self) -> None:
        """Make the folder of a database that is a file."""
        if not self._made_folder:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
            self._made_folder = True

    def _late(self) -> AnomalizError:
        return self._fault(
            f"{self.name} did not answer within {self._timeout:g} s: see whether it is overloaded or locked"
        )


def _prepare_sqlite(engine: "sa.Engine") -> None:
    """Let readers and one writer work at once, and a writer wait for its turn before it reads."""
    import sqlalchemy as sa

    @sa.event.listens_for(engine, "connect")
    def opened(connection: Any, _: object) -> None:
        # Python's module would begin a transaction too late, and none before a change of tables.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")

    @sa.event.listens_for(engine, "begin")
    def begun(connection: "sa.Connection") -> None:
        writes = connection.get_execution_options().get("writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _advice(reason: str) -> str:
    if "locked" in reason:
        return "see which process has it open"
    if "readonly" in reason or "read-only" in reason:
        return "make it writable, or name another"
    if "malformed" in reason or "not a database" in reason:
        return "restore it from a copy, or move it away to begin anew"
    return "check its URL, and that it is up and can be written to"
