"""Sinks that are open: each is opened when first written to, written to by one thread at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from anomaliz.pipelines.systems import SinkSettings, open_sink
from anomaliz.sinks.sink import Sink


class OpenSink:
    """A sink and what it was opened with."""

    def __init__(self, settings: SinkSettings, sink: Sink) -> None:
        self.settings = settings
        self.sink = sink
        self.lock = Lock()
        """Held by who writes."""
        self.retired = False
        """Whether it is to be closed as soon as nobody writes."""
        self.closed = False

    def close_if_retired(self) -> None:
        """Close it, unless somebody writes, who then does."""
        if self.retired and self.lock.acquire(blocking=False):
            try:
                if not self.closed:
                    self.closed = True
                    self.sink.close()
            finally:
                self.lock.release()


class OpenSinks:
    """By name. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        """Queues of sinks lie in `folder`."""
        self._folder = folder
        self._open: dict[str, OpenSink] = {}
        self._lock = Lock()

    @contextmanager
    def taken(self, name: str, settings: SinkSettings) -> Iterator[Sink]:
        """Give a sink that nobody else writes to and that is not closed before the end of the block."""
        known = self._locked(name, settings)
        try:
            yield known.sink
        finally:
            known.lock.release()
            known.close_if_retired()

    def now(self) -> dict[str, Sink]:
        """Return those that are open."""
        with self._lock:
            return {name: known.sink for name, known in self._open.items()}

    def keep(self, defined: Mapping[str, SinkSettings]) -> None:
        """Close those that are not `defined` so any more, each once nobody writes to it."""
        with self._lock:
            others = [name for name, known in self._open.items() if defined.get(name) != known.settings]
            retired = [self._open.pop(name) for name in others]
        for known in retired:
            known.retired = True
            known.close_if_retired()

    def close(self) -> None:
        """Close all of them."""
        self.keep({})

    def _locked(self, name: str, settings: SinkSettings) -> OpenSink:
        """Return the sink with its lock held: another one where it was closed while we waited."""
        while True:
            with self._lock:
                if name not in self._open:
                    self._open[name] = OpenSink(settings, open_sink(name, settings, self._folder))
                known = self._open[name]
            known.lock.acquire()
            if not known.closed:
                return known
            known.lock.release()
