"""Puts a bundle on disk so that a reader sees the old one, or the new one, or none, and never half of one."""

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anomaliz.bundle.lock import locked
from anomaliz.bundle.manifest import MANIFEST_FILE
from anomaliz.core.errors import AnomalizError

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NEW, OLD = "new", "old"


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """Give a directory to write a bundle into; when the block ends well it takes the place of `directory`.

    Raises AnomalizError when `directory` is something else than a bundle, an empty folder, or nothing: it
    would be lost. When the block fails, what was there stays as it was.
    """
    directory = _replaceable(directory)
    with _workspace(directory) as workspace:
        new = workspace / NEW
        new.mkdir()  # unlike the workspace, readable to others as the umask says
        yield new
        _sync(new)
        _swap(workspace, directory)
        _sync_directory(directory.parent)


def _replaceable(directory: Path) -> Path:
    directory = directory.resolve()
    if directory.exists() and not directory.is_dir():
        raise AnomalizError(f"{directory} is a file: name a directory for the bundle")
    if directory.exists() and any(directory.iterdir()) and not (directory / MANIFEST_FILE).exists():
        raise AnomalizError(f"{directory} holds something else than a bundle: name a directory of its own")
    return directory


@contextmanager
def _workspace(directory: Path) -> Iterator[Path]:
    """Give a hidden directory beside `directory`, locked while the block runs and removed after it."""
    prefix = f".{directory.name}.training-"
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        _sweep(directory, prefix)
        workspace = Path(tempfile.mkdtemp(prefix=prefix, dir=directory.parent))
    except OSError as error:
        raise AnomalizError(
            f"{directory} cannot be written ({error.strerror}): choose another place"
        ) from None
    with locked(workspace):
        try:
            yield workspace
        finally:
            shutil.rmtree(workspace, ignore_errors=True)


def _sweep(directory: Path, prefix: str) -> None:
    """Remove the workspaces of killed runs; the lock tells them from those of running ones."""
    for left in directory.parent.glob(f"{prefix}*"):
        with suppress(BlockingIOError, FileNotFoundError), locked(left):
            _put_back(left, directory)
            shutil.rmtree(left, ignore_errors=True)


def _swap(workspace: Path, directory: Path) -> None:
    """Give the new bundle its name; what had it before goes into the workspace."""
    new = workspace / NEW
    try:
        new.rename(directory)  # nothing there, or an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchanged(new, directory):
            _replaced_in_two_steps(workspace, directory)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two directories in one step where the system can (Linux 3.15 on), which POSIX rename cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return renameat2 is not None and (
        renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0
    )


def _replaced_in_two_steps(workspace: Path, directory: Path) -> None:
    """Replace where directories cannot be swapped: for a moment there is no bundle."""
    directory.rename(workspace / OLD)
    try:
        (workspace / NEW).rename(directory)
    finally:
        _put_back(workspace, directory)


def _put_back(workspace: Path, directory: Path) -> None:
    """Give the old bundle its name again where a replacement in two steps was cut off between them."""
    if (workspace / OLD).exists() and not directory.exists():
        (workspace / OLD).rename(directory)


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
