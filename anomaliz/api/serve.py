"""Runs the service in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from anomaliz.api import logs
from anomaliz.api.main import create_app
from anomaliz.config.settings import Api, Settings
from anomaliz.core.errors import AnomalizError

SHUTDOWN_SECONDS = 10
"""How long requests in flight may take to end after a signal to stop."""


def serve(settings: Settings) -> None:
    """Serve until a signal to stop; requests in flight are answered first.

    Raises AnomalizError when it cannot start, as when the port is taken; the log has the reason.
    """
    logs.configure(settings.logging)
    with starting(settings.api):
        uvicorn.run(create_app(settings), **server_options(settings.api))


def server_options(api: Api) -> dict[str, Any]:
    """Return how an app is served."""
    return {
        "host": api.host,
        "port": api.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }


@contextmanager
def starting(api: Api) -> Iterator[None]:
    """Say in words that the server could not start, which it says by ending the process."""
    try:
        yield
    except SystemExit:
        raise AnomalizError(
            f"the service could not start on {api.host}:{api.port}: the log above says why"
        ) from None
