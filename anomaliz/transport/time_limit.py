"""Statements that end in time: what a database is doing on a connection is stopped from another thread."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

GRACE_SECONDS = 2.0
"""For a server to do as it is told, before the line to it is cut."""
OUT_OF_TIME = ("statement timeout", "max_statement_time", "maximum statement execution time", "timed out")
"""How servers and drivers say that they stopped a statement themselves."""


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
        # Some functions, stopped, answer as if they had ended.
        if over.is_set():
            raise TimeoutError
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
