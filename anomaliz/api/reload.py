"""The bundle in service, and how a new one takes its place."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from anomaliz.api.monitoring import Monitoring
from anomaliz.api.problems import ProblemError
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import AnomalizError, BundleError

logger = logging.getLogger(__name__)

Fingerprint = frozenset[tuple[str, int, int, int]]
"""Path, inode, size and modification time of every file in a bundle's directory."""


class BundleHolder:
    """Holds the bundle in service. Requests take `current()` once, so a swap never mixes two bundles."""

    def __init__(self, directory: Path, monitoring: Monitoring) -> None:
        self.directory = directory
        self.bundle: Bundle | None = None
        self.reason = f"no bundle has been loaded from {directory} yet"
        """Why there is no bundle, as long as there is none."""
        self._monitoring = monitoring
        self._seen: Fingerprint | None = None
        self._lock = threading.Lock()

    def current(self) -> Bundle:
        """Return the bundle in service; raises ProblemError 503 with the reason when there is none."""
        if self.bundle is None:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"no bundle is in service: {self.reason}")
        return self.bundle

    def load(self) -> bool:
        """Put the directory's bundle in service after a trial; say whether it is another than before.

        Raises BundleError with the reason when it is refused; the bundle before it stays.
        """
        with self._lock:
            # Taken before reading, so that what changes meanwhile is noticed the next time.
            self._seen = _fingerprint(self.directory)
            try:
                bundle = _tried(self.directory)
            except BundleError as error:
                self._refuse(error)
                raise
            return self._put_in_service(bundle)

    def load_if_changed(self) -> None:
        """Load unless the directory is as it was the last time, good or bad."""
        if _fingerprint(self.directory) != self._seen:
            with suppress(BundleError):
                self.load()

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

    def _put_in_service(self, bundle: Bundle) -> bool:
        if self.bundle and self.bundle.sha256 == bundle.sha256:
            self._monitoring.reloaded("unchanged")
            return False
        self.bundle = bundle
        self._monitoring.reloaded("loaded", bundle)
        logger.info("bundle in service", extra={"bundle": bundle.name, "sha256": bundle.sha256})
        return True

    def _refuse(self, error: BundleError) -> None:
        self.reason = str(error)
        self._monitoring.reloaded("refused")
        kept = self.bundle.sha256 if self.bundle else None
        # Only an error that nobody foresaw has a cause worth a traceback.
        cause = None if isinstance(error.__cause__, AnomalizError) else error.__cause__
        logger.error("bundle refused", exc_info=cause, extra={"reason": str(error), "kept_sha256": kept})


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


def _fingerprint(directory: Path) -> Fingerprint:
    files: set[tuple[str, int, int, int]] = set()
    # A directory that cannot be walked is a change like any other, and must not end the poll.
    with suppress(OSError):
        files.update(_files(directory))
    return frozenset(files)


def _files(directory: Path) -> Iterator[tuple[str, int, int, int]]:
    for path in directory.rglob("*"):
        # So is a file that vanishes while we look.
        with suppress(OSError):
            stat = path.stat()
            yield str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns
