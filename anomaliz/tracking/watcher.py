"""The service's side of the watch: starts the watching process, hears its reports, starts it again.

MLflow takes a second and 170 MB to import, and a download takes what it takes; here is none of it.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from anomaliz.config.settings import Tracking
from anomaliz.core.errors import BundleError
from anomaliz.core.place import RegistryUri
from anomaliz.tracking.cache import BundleCache
from anomaliz.tracking.sighting import Report, Sighting, Task
from anomaliz.tracking.store import require_store

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""How long a look that was asked for may take."""
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""Between the end of a watching process and the start of the next one."""
ENDING_SECONDS = 2.0


class PendingError(BundleError):
    """Nobody knows yet what a URI stands for: the first look has not ended."""


@dataclass(frozen=True)
class RegistryState:
    """Whether the registry answers."""

    reachable: bool | None
    """None before the first look has ended."""
    since: datetime
    """When that became so."""
    message: str | None
    """What is amiss, a sentence."""


class RegistryWatcher:
    """Knows where the bundles of `uris` lie, as the watching process last said."""

    def __init__(self, tracking: Tracking, uris: Sequence[RegistryUri], seconds: float) -> None:
        """Raise MissingExtraError without MLflow, ConfigError for an impossible store or cache."""
        require_store(tracking.tracking_uri)
        self.cache = BundleCache(tracking.cache_dir, tracking.tracking_uri)
        self.cache.require_writable()
        self.state = RegistryState(None, _now(), None)
        self._task = Task(tracking.tracking_uri, self.cache.directory, tuple(uris), seconds)
        self._sightings: dict[str, Sighting] = {}
        self._listeners: list[Callable[[], None]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._go_on = threading.Event()
        self._changed = threading.Condition()
        self._asked = 0
        self._answered = 0

    def on_report(self, listener: Callable[[], None]) -> None:
        """Have `listener` called, in a thread of the watcher, after each report."""
        self._listeners.append(listener)

    def folder(self, uri: RegistryUri) -> Path:
        """Return where the bundle lies that `uri` stands for; raises BundleError with the reason if nowhere.

        Until the first look has ended that is what it last stood for: so a start waits for no registry.
        """
        if sighting := self._sightings.get(uri):
            return sighting.found()
        pointer = self.cache.pointer(uri)
        if pointer is None:
            raise PendingError(f"{uri} is not in the cache and is being looked up: wait for the registry")
        return self.cache.folder(pointer.key)

    def look(self) -> None:
        """Have the registry looked at now and wait for the end; raises BundleError where that fails."""
        with self._changed:
            self._asked += 1
            asked = self._asked
        self._send(f"{asked}\n".encode())
        self._go_on.set()
        with self._changed:
            ended = self._changed.wait_for(lambda: self._answered >= asked, PATIENCE_SECONDS)
        if not ended:
            raise BundleError(f"the registry has not answered in {PATIENCE_SECONDS:g} s: try again later")
        if not self.state.reachable:
            raise BundleError(f"{self.state.message}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch until the block ends."""
        thread = threading.Thread(target=self._watch, name="registry-watcher", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._go_on.set()
            self._end()
            thread.join(2 * ENDING_SECONDS)

    def _watch(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stopping.is_set():
            self._go_on.clear()
            self._hear_a_process()
            if self._stopping.is_set():
                return
            pause = SHORTEST_PAUSE_SECONDS if self.state.reachable else min(2 * pause, LONGEST_PAUSE_SECONDS)
            if self.state.reachable is not False:
                self._become(False, "the process that watches the registry ended: another one starts soon")
            self._go_on.wait(pause)

    def _hear_a_process(self) -> None:
        """Run a watching process to its end."""
        command = [sys.executable, "-m", "anomaliz.tracking.watch"]
        # A line that is no report, or a system without processes to give: as good as a process that ended.
        with (
            suppress(OSError, ValueError),
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as process,
        ):
            assert process.stdout is not None
            self._process = process
            self._send(replace(self._task, asked=self._asked).to_line())
            try:
                for line in process.stdout:
                    self._hear(Report.of_line(line))
            finally:
                process.kill()

    def _hear(self, report: Report) -> None:
        self._sightings = {sighting.uri: sighting for sighting in report.sightings}
        messages = [sighting.message for sighting in report.sightings if sighting.message]
        self._become(all(s.reachable for s in report.sightings), messages[0] if messages else None)
        for listener in self._listeners:
            listener()
        with self._changed:
            self._answered = report.asked
            self._changed.notify_all()

    def _become(self, reachable: bool, message: str | None) -> None:
        old = self.state
        since = old.since if old.reachable == reachable else _now()
        self.state = RegistryState(reachable, since, message)
        if not reachable and old.reachable is not False:
            logger.warning("registry unreachable", extra={"reason": message})
        elif reachable and old.reachable is False:
            logger.info("registry reachable again")

    def _send(self, line: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        # A process that has just ended hears nothing; the next one is asked again.
        with suppress(OSError, ValueError):
            process.stdin.write(line)
            process.stdin.flush()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        with suppress(OSError, ValueError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _now() -> datetime:
    return datetime.now(UTC)
