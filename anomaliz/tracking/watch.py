"""The process that watches a registry for a service: `python -m anomaliz.tracking.watch`.

It reads its task, and then a line for each look that is asked for, from stdin, and ends when stdin does, so
that it does not outlive the service, even where that is killed. It writes a report a line to stdout.
"""

import os
import signal
import sys
import threading
from io import FileIO
from typing import BinaryIO

from anomaliz.core.errors import AnomalizError
from anomaliz.tracking.cache import BundleCache
from anomaliz.tracking.lookout import Lookout
from anomaliz.tracking.resolver import Resolver
from anomaliz.tracking.sighting import Report, Sighting, Task


class Asks:
    """Hears the lines that ask for a look, each a number, and ends the process when no more can come."""

    def __init__(self, stream: BinaryIO, newest: int) -> None:
        self.newest = newest
        self._stream = stream
        self._asked = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, seconds: float | None) -> None:
        """Return when a look is asked for, or after so many seconds."""
        self._asked.wait(seconds)
        self._asked.clear()

    def _read(self) -> None:
        for line in self._stream:
            self.newest = int(line)
            self._asked.set()
        # In the midst of a download too, so without waiting for anything.
        os._exit(0)


def main() -> None:
    """Watch until stdin ends."""
    # Ctrl-C reaches the whole group of processes; the service says when it is time to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb", buffering=0) as reports:
        os.dup2(2, 1)  # what a library prints is no report
        task = Task.of_line(sys.stdin.buffer.readline())
        asks = Asks(sys.stdin.buffer, task.asked)
        try:
            _watch(task, asks, reports)
        except Exception as error:
            # Nobody reads its stderr, where MLflow chats.
            sightings = tuple(_failed(uri, error) for uri in task.uris)
            reports.write(Report(asks.newest, sightings).to_line())
            os._exit(1)  # an ordinary exit would abort on the thread that waits for stdin


def _watch(task: Task, asks: Asks, reports: FileIO) -> None:
    cache = BundleCache(task.cache_dir, task.tracking_uri)
    cache.sweep()
    lookout = Lookout(Resolver(task.tracking_uri), cache)
    while True:
        asked = asks.newest
        sightings = tuple(lookout.look(uri) for uri in task.uris)
        reports.write(Report(asked, sightings).to_line())
        cache.prune()
        asks.wait(task.seconds or None)


def _failed(uri: str, error: Exception) -> Sighting:
    reason = f"{error}" if isinstance(error, AnomalizError) else f"the look at {uri} failed ({error!r})"
    return Sighting(uri, None, reachable=False, message=reason)


if __name__ == "__main__":
    main()
