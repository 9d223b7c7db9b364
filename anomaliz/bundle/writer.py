"""Puts a bundle on disk so that a reader sees the old one, or the new one, or none, and never half of one."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """Give a directory to write into, beside `directory`; when the block ends well it takes that name.

    When the block fails the new directory is removed and the old one stays as it was.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    _sweep(directory)
    new = directory.with_name(f".{directory.name}.new-{os.getpid()}")
    new.mkdir()
    try:
        yield new
        _sync(new)
        _swap(new, directory)
        _sync_directory(directory.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _swap(new: Path, directory: Path) -> None:
    """Give `new` the name `directory`; what had it before is then called `new`."""
    if not directory.exists():
        new.rename(directory)
        return
    if _exchanged(new, directory):
        return
    aside = directory.with_name(f".{directory.name}.old-{os.getpid()}")
    directory.rename(aside)
    new.rename(directory)
    aside.rename(new)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two directories in one step where the system can (Linux 3.15 on), which POSIX rename cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return renameat2 is not None and (
        renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0
    )


def _sweep(directory: Path) -> None:
    """Remove what a killed run left behind."""
    for left in directory.parent.glob(f".{directory.name}.new-*"):
        if not _alive(int(left.name.rsplit("-", 1)[1])):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    for path in (directory, *filter(Path.is_dir, directory.rglob("*"))):
        _sync_directory(path)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
