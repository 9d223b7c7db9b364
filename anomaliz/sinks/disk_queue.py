"""A queue on disk: what is put into it survives a crash, and comes out in the order in which it came in."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from anomaliz.core.errors import SourceError

_NUMBERS = count()


class DiskQueue:
    """A folder with a file for each item, named by when it came, `<time>-<process>-<number>-<weight>.item`.

    Several processes may put; one at a time takes, while it has the lock.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(
                f"the queue {directory} cannot be made: {error.strerror}; give a folder"
            ) from None

    def put(self, items: Iterable[tuple[int, bytes]]) -> None:
        """Put items, each with its weight; SourceError, and nothing is put, where they do not fit.

        When it returns, they are on the disk. After a crash meanwhile the first of them may be there.
        """
        waiting = list(items)
        size = sum(len(content) for _, content in waiting)
        if self.size() + size > self._max_bytes:
            raise SourceError(
                f"the queue {self._directory} is full with {self.size():,} bytes: see why nothing leaves it, "
                f"or raise its limit of {self._max_bytes:,} bytes"
            )
        try:
            first = self._next()
            for number, (weight, content) in enumerate(waiting, first):
                self._write(f"{number:020}-{os.getpid()}-{next(_NUMBERS):09}-{weight}.item", content)
            _sync(self._directory)
        except OSError as error:
            raise SourceError(
                f"the queue {self._directory} cannot be written: {error.strerror}; make room or move it"
            ) from None

    def items(self) -> list[Path]:
        """Return the items' files, the oldest first."""
        return sorted(self._directory.glob("*.item"))

    def size(self) -> int:
        """Return the bytes of all items."""
        return sum(_size(path) for path in self.items())

    @contextmanager
    def taking(self) -> Iterator[bool]:
        """Yield whether we may take items, until the end of the block; not while another process does."""
        with (self._directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _next(self) -> int:
        """Return a number for a name: the time, or more where the clock went back since the newest item."""
        newest = self.items()[-1:]
        return max([time.time_ns(), *(int(item.name.partition("-")[0]) + 1 for item in newest)])

    def _write(self, name: str, content: bytes) -> None:
        part = self._directory / f"{name}.part"
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._directory / name)


def weight(item: Path) -> int:
    """Return the weight that an item was put with."""
    return int(item.stem.rpartition("-")[2])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        # It was taken meanwhile.
        return 0


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
