"""Jobs for executors: functions that a process imports by their name."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from anomaliz.core.errors import DataError, SourceError


def double(number: int) -> int:
    return 2 * number


def pid(_: object) -> int:
    return os.getpid()


def threads(_: object) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def begin_and_hang(started: Path) -> None:
    """Start a process, say which two are there, and never end."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    started.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
    started.with_suffix(".new").rename(started)
    time.sleep(600)


def kill_itself(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(field: str) -> None:
    raise DataError(f"{field} is wrong", field=field)


class OddError(SourceError):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def refuse_oddly(_: object) -> None:
    raise OddError("this", "that")


def stumble(_: object) -> None:
    raise KeyError("nobody\nforesaw this")


def unpicklable(_: object) -> object:
    return lambda: None


def wait_for(release: Path) -> str:
    """End when the file is there."""
    (release.parent / f"{release.name}.{os.getpid()}").touch()
    while not release.exists():
        time.sleep(0.01)
    return release.name
