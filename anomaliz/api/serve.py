"""Runs the service in this process."""

import uvicorn

from anomaliz.api import logs
from anomaliz.api.main import create_app
from anomaliz.config.settings import Settings

SHUTDOWN_SECONDS = 30
"""How long requests in flight may take to end after a signal to stop."""


def serve(settings: Settings) -> None:
    """Serve until a signal to stop; requests in flight are answered first.

    Exits with status 1 and the reason in the log when the port cannot be listened on.
    """
    logs.configure(settings.logging)
    uvicorn.run(
        create_app(settings),
        host=settings.api.host,
        port=settings.api.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
