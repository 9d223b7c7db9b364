"""SQL databases by their SQLAlchemy URL: transactions that end in time, and faults that name no password."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

from anomaliz.core.errors import AnomalizError, MissingExtraError

if TYPE_CHECKING:
    import sqlalchemy as sa

CONNECT_SECONDS = 10
GRACE_SECONDS = 2.0
"""For a server to do as it is told, before the line to it is cut."""
OUT_OF_TIME = ("statement timeout", "max_statement_time", "maximum statement execution time", "timed out")
"""How servers and drivers say that they stopped a statement themselves."""


class Database:
    """An engine, and what may be said of it. Every fault is raised as the error that its owner wants."""

    def __init__(
        self, url: str, fault: type[AnomalizError], *, feature: str, extra: str, timeout: float
    ) -> None:
        """Raise `fault` for a URL that cannot be read or has no driver; connects to nothing.

        `feature` and its `extra` are named where SQLAlchemy is absent; `timeout` is that of a transaction.
        """
        try:
            import sqlalchemy as sa
        except ImportError:
            raise MissingExtraError.of(feature, extra) from None
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise fault(
                "the database URL cannot be read: give dialect://user:password@host/database", field="url"
            ) from None
        self.name = f"{parsed.get_backend_name()}://{parsed.host or ''}/{parsed.database or ''}"
        self.backend = parsed.get_backend_name()
        self._url = parsed
        self._fault = fault
        self._timeout = timeout
        self._made_folder = not _is_file(parsed)
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
            reason = self._reason(error)
            if any(words in reason for words in OUT_OF_TIME):
                raise self._late() from None
            raise self._fault(f"{self.name} cannot be used ({reason}): {_advice(reason)}") from None

    def close(self) -> None:
        """Let go of connections."""
        self.engine.dispose()

    def _engine(self) -> "sa.Engine":
        import sqlalchemy as sa

        options: dict[str, Any] = {}
        if self.backend != "sqlite":
            # A connection a transaction: they are seconds apart, and one that lies idle goes stale.
            options["poolclass"] = sa.NullPool
        try:
            engine = sa.create_engine(self._url, connect_args=self._connect_args(), **options)
        except sa.exc.NoSuchModuleError:
            raise self._fault(
                f"there is no driver for {self.backend}:// here: install its SQLAlchemy dialect", field="url"
            ) from None
        except ModuleNotFoundError as error:
            raise self._fault(
                f"{self.name} needs the package {error.name}: pip install {error.name}", field="url"
            ) from None
        if self.backend == "sqlite":
            _prepare_sqlite(engine)
        return engine

    def _connect_args(self) -> Mapping[str, object]:
        driver = self._url.get_driver_name()
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
            Path(self._url.database or "").parent.mkdir(parents=True, exist_ok=True)
            self._made_folder = True

    def _late(self) -> AnomalizError:
        return self._fault(
            f"{self.name} did not answer within {self._timeout:g} s: see whether it is overloaded or locked"
        )

    def _reason(self, error: BaseException) -> str:
        cause = getattr(error, "orig", None) or error
        reason = str(cause).strip().partition("\n")[0].rstrip(".") or type(cause).__name__
        return reason.replace(self._url.password, "***") if self._url.password else reason


@contextmanager
def within(connection: "sa.Connection", backend: str, seconds: float) -> Iterator[None]:
    """Stop what runs on the connection when the time is over; raises TimeoutError then."""
    over, ended = Event(), Event()
    driver = connection.connection.driver_connection

    def stop() -> None:
        over.set()
        for end in STOPS.get(backend, ()):
            # What cannot be stopped any more has ended.
            with suppress(Exception):
                end(driver)
            if ended.wait(GRACE_SECONDS):
                return

    timer = Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        ended.set()
        timer.cancel()


def interrupt(connection: Any) -> None:
    connection.interrupt()


def cancel(connection: Any) -> None:
    if hasattr(connection, "cancel_safe"):
        connection.cancel_safe(timeout=GRACE_SECONDS)
    else:
        connection.cancel()


def hang_up(connection: Any) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


STOPS = {
    "postgresql": (cancel, hang_up),
    "redshift": (cancel, hang_up),
    "sqlite": (interrupt,),
    "duckdb": (interrupt,),
}
"""How what a driver's connection is doing is ended from another thread: politely, then for good."""


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


def _is_file(url: "sa.URL") -> bool:
    named = url.database or ""
    elsewhere = named.startswith((":memory:", "file:", "md:", "motherduck:"))
    return bool(named) and url.get_backend_name() in ("sqlite", "duckdb") and not elsewhere


def _advice(reason: str) -> str:
    if "locked" in reason:
        return "see which process has it open"
    if "readonly" in reason or "read-only" in reason:
        return "make it writable, or name another"
    if "malformed" in reason or "not a database" in reason:
        return "restore it from a copy, or move it away to begin anew"
    return "check its URL, and that it is up and can be written to"
