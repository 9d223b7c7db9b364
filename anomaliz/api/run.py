"""Runs pipelines in this process, and the service beside them."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn

from anomaliz.api import logs
from anomaliz.api.main import create_app
from anomaliz.api.serve import server_options, starting
from anomaliz.config.settings import Settings
from anomaliz.pipelines.daemon.daemon import Daemon


def run(paths: Sequence[Path], settings: Settings, *, api: bool = True) -> None:
    """Run the pipelines of `paths` until a signal to stop; SIGHUP has the definitions read again.

    Without `api` there are the jobs alone. Raises AnomalizError when it cannot start.
    """
    logs.configure(settings.logging)
    daemon = Daemon(paths, settings, prepare=partial(logs.configure, settings.logging))
    with _signals(daemon) as stop:
        if api:
            _serve(daemon, settings)
        else:
            with daemon.running():
                stop.wait()


def _serve(daemon: Daemon, settings: Settings) -> None:
    app = create_app(settings, daemon)
    config = uvicorn.Config(app, **server_options(settings.api))
    with starting(settings.api):
        # Before the first job: another process that has the port may well run the same pipelines.
        listener = config.bind_socket()
        with listener, daemon.running():
            uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _signals(daemon: Daemon) -> Iterator[threading.Event]:
    """Yield an event that a signal to stop sets; the server has handlers of its own in between."""
    stop = threading.Event()
    asked = {
        signal.SIGHUP: lambda *_: daemon.reload_soon(),
        signal.SIGTERM: lambda *_: stop.set(),
        signal.SIGINT: lambda *_: stop.set(),
    }
    before = {number: signal.signal(number, handler) for number, handler in asked.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
