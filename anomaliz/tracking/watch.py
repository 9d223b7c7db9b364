"""The process that watches a registry for a service: `python -m anomaliz.tracking.watch`.

It reads its task, and then a line for each look that is asked for, from stdin, and ends when stdin does, so
that it does not outlive the service, even where that is killed. It writes a report a line to stdout.
"""

import os
import signal
import sys
import threading
from typing import BinaryIO

from anomaliz.tracking.cache import BundleCache
from anomaliz.tracking.lookout import Lookout
from anomaliz.tracking.registry import Registry
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
        cache = BundleCache(task.cache_dir, task.tracking_uri)
        lookout = Lookout(Registry(task.tracking_uri), cache)
        cache.sweep()
        while True:
            report = Report(asks.newest, tuple(_look(lookout, uri) for uri in task.uris))
            reports.write(report.to_line())
            cache.prune()
            asks.wait(task.seconds or None)


def _look(lookout: Lookout, uri: str) -> Sighting:
    try:
        return lookout.look(uri)
    except Exception as error:  # a watch that ends would start MLflow again, to no other end
        return Sighting(uri, None, reachable=False, message=f"the look at {uri} failed ({error!r})")


if __name__ == "__main__":
    main()
