"""The bundle in service, and how a new one takes its place."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from anomaliz.api.monitoring import ReloadResult
from anomaliz.api.place import BundlePlace
from anomaliz.api.problems import ProblemError
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import AnomalizError, BundleError
from anomaliz.tracking.watcher import PendingError

logger = logging.getLogger(__name__)

Fingerprint = frozenset[tuple[str, int, int, int]] | str
"""Path, inode, size and modification time of every file in a bundle's directory, or why there is none."""


class Reloads(Protocol):
    """Counts the bundles that were found."""

    def reloaded(self, result: ReloadResult, bundle: Bundle | None = None) -> None: ...


class BundleHolder:
    """Holds the bundle in service. Requests take `current()` once, so a swap never mixes two bundles."""

    def __init__(
        self, place: BundlePlace, monitoring: Reloads, role: str = "bundle", *, required: bool = True
    ) -> None:
        """Hold no bundle yet; where none is `required`, its absence is no error."""
        self.place = place
        self.bundle: Bundle | None = None
        self.reason = f"no bundle has been loaded from {place} yet"
        """Why there is no bundle, as long as there is none."""
        self._monitoring = monitoring
        self._role = role
        self._required = required
        self._seen: Fingerprint | None = None
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def current(self) -> Bundle:
        """Return the bundle in service; raises ProblemError 503 with the reason when there is none."""
        if self.bundle is None:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"no bundle is in service: {self.reason}")
        return self.bundle

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever another bundle is in service."""
        self._listeners.append(listener)

    def load(self) -> bool:
        """Put the place's bundle in service after a trial; say whether it is another than before.

        Raises BundleError with the reason when it is refused; the bundle before it stays.
        """
        with self._lock:
            return self._load()

    def reload(self) -> bool:
        """Look what is at the place now, and load it; returns and raises as `load` does."""
        before = self.bundle
        # A watcher that finds a new bundle has it loaded at once, so this load may come second.
        self.place.look()
        self.load()
        return self.bundle is not before

    def load_if_changed(self) -> None:
        """Load unless the place is as it was the last time, good or bad."""
        with self._lock, suppress(BundleError):
            if _fingerprint(self.place) != self._seen:
                self._load()

    @asynccontextmanager
    async def polling(self, seconds: float) -> AsyncIterator[None]:
        """Look for a new bundle every so many seconds; 0 means never."""
        poll = asyncio.create_task(self._poll(seconds)) if seconds else None
        try:
            yield
        finally:
            if poll:
                poll.cancel()
                with suppress(asyncio.CancelledError):
                    await poll

    async def _poll(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await run_in_threadpool(self.load_if_changed)

    def _load(self) -> bool:
        # Taken before reading, so that what changes meanwhile is noticed the next time.
        self._seen = _fingerprint(self.place)
        try:
            bundle = _tried(self.place.folder())
        except BundleError as error:
            self._refuse(error)
            raise
        return self._put_in_service(bundle)

    def _put_in_service(self, bundle: Bundle) -> bool:
        if self.bundle and self.bundle.sha256 == bundle.sha256:
            self._monitoring.reloaded("unchanged")
            return False
        self.bundle = bundle
        self._monitoring.reloaded("loaded", bundle)
        logger.info(f"{self._role} in service", extra={"bundle": bundle.name, "sha256": bundle.sha256})
        for listener in self._listeners:
            listener()
        return True

    def _refuse(self, error: BundleError) -> None:
        self.reason = str(error)
        if isinstance(error, PendingError):
            return
        self._monitoring.reloaded("refused")
        kept = self.bundle.sha256 if self.bundle else None
        # Only an error that nobody foresaw has a cause worth a traceback.
        cause = None if isinstance(error.__cause__, AnomalizError) else error.__cause__
        extra = {"reason": str(error), "kept_sha256": kept}
        if self._required or self.bundle:
            logger.error(f"{self._role} refused", exc_info=cause, extra=extra)
        else:
            logger.info("no bundle is served", extra=extra)


def _tried(directory: Path) -> Bundle:
    """Return the directory's bundle, verified, once it has scored its canary window."""
    try:
        bundle = Bundle.load(directory)
        bundle.score_canary()
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(f"{directory} cannot be used ({error}): train the bundle again") from error
    return bundle


def _fingerprint(place: BundlePlace) -> Fingerprint:
    files: set[tuple[str, int, int, int]] = set()
    try:
        # A directory that cannot be walked is a change like any other, and must not end the poll.
        with suppress(OSError):
            files.update(_files(place.folder()))
    except BundleError as error:
        return str(error)
    return frozenset(files)


def _files(directory: Path) -> Iterator[tuple[str, int, int, int]]:
    for path in directory.rglob("*"):
        # So is a file that vanishes while we look.
        with suppress(OSError):
            stat = path.stat()
            yield str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns
