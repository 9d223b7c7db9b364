"""A function of the user's own, `ingest(start, end) -> DataFrame`, in a file."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from anomaliz.config.settings import Count, Location
from anomaliz.core.errors import DataError, SourceError
from anomaliz.sources.gathering import Gathering
from anomaliz.sources.grid import Grid
from anomaliz.sources.ingest_process import ANSWER, FAULT
from anomaliz.sources.readings import Readings
from anomaliz.sources.table import Columns, Layout, gather

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

FUNCTION = "ingest"
LONGEST_LOG = 10_000
"""Characters of what the function prints that are logged: the last ones."""


class PythonFunctionSettings(Layout):
    """A folder of Python files."""

    type: Literal["python"] = "python"
    folder: Location = Field(Path(), description="Folder of the files.")
    timeout: Annotated[float, Field(gt=0)] = Field(60.0, description="Seconds until a function is stopped.")
    chunk_rows: Count = Field(10_000, description="Most stamps in a chunk.")


class PythonFunctionSource:
    """A source of what functions return. A query is `file.py` or `file.py:function`.

    The function is called with two datetimes, UTC, in a process of its own, so that it can neither hang nor
    crash the caller; files beside its own can be imported. What it prints is logged.
    """

    looks_back = False

    def __init__(self, settings: PythonFunctionSettings) -> None:
        self._settings = settings

    def read(
        self, query: str, start: np.datetime64, end: np.datetime64, step: np.timedelta64
    ) -> Iterator[Readings]:
        """Yield chunks as `Source.read` says.

        Raises SourceError, with file and line, where the function fails or takes longer than `timeout`, and
        DataError where it returns no table of samples.
        """
        grid = Grid.of(start, end, step)
        file, function = self._parts(query)
        return self._chunks(file, function, grid)

    def check(self) -> None:
        """Raise SourceError where there is no such folder."""
        if not self._settings.folder.is_dir():
            raise SourceError(f"folder {self._settings.folder} does not exist: check folder", field="folder")

    def close(self) -> None:
        """There is nothing to let go of."""

    def _parts(self, query: str) -> tuple[Path, str]:
        """Return the file and the function that a query names."""
        name, _, function = query.strip().partition(":")
        folder = self._settings.folder.resolve()
        file = (folder / name).resolve()
        if not file.is_relative_to(folder):
            raise DataError(f"the query {query!r} must name a file in {self._settings.folder}", field="query")
        if not file.is_file():
            raise SourceError(f"{file.name} does not exist in {self._settings.folder}: check the query")
        return file, function or FUNCTION

    def _chunks(self, file: Path, function: str, grid: Grid) -> Iterator[Readings]:
        gathering = Gathering(grid)
        frame = self._frame(file, function, grid)
        if len(frame):
            try:
                gather(frame, Columns.of(frame, self._settings), gathering)
            except DataError as error:
                message = f"{file.name}: of what {function} returns, {error}"
                raise DataError(message, field=error.field) from None
        yield from gathering.readings(self._settings.chunk_rows)

    def _frame(self, file: Path, function: str, grid: Grid) -> "pd.DataFrame":
        from pyarrow import feather

        with tempfile.TemporaryDirectory(prefix="anomaliz-") as folder:
            status = self._run([str(file), function, _iso(grid.start), _iso(grid.end), folder], file.name)
            with suppress(FileNotFoundError):
                fault = json.loads((Path(folder) / FAULT).read_text())
                where = file.name if fault["line"] is None else f"{file.name}, line {fault['line']}"
                raise SourceError(f"{where}: {fault['reason']}")
            if status != 0:
                raise SourceError(
                    f"{file.name}: its process ended with status {status} before {function} returned"
                )
            frame: pd.DataFrame = feather.read_feather(str(Path(folder) / ANSWER), memory_map=False)
            return frame

    def _run(self, arguments: list[str], name: str) -> int:
        """Run the process and return its exit status; SourceError where it takes too long."""
        alive, ours = os.pipe()
        command = [sys.executable, "-m", "anomaliz.sources.ingest_process", str(alive), *arguments]
        # Our end is closed when we are gone, however that comes, and the process then ends too.
        with tempfile.TemporaryFile() as printed, os.fdopen(ours, "wb"):
            with os.fdopen(alive, "rb"):
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(alive,),
                )
            try:
                return process.wait(self._settings.timeout)
            except subprocess.TimeoutExpired:
                seconds = self._settings.timeout
                raise SourceError(f"{name}: it took longer than {seconds:g} s: raise timeout") from None
            finally:
                # The whole session, since the function may have started processes.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                _log(name, printed)


def _log(name: str, printed: IO[bytes]) -> None:
    printed.seek(0)
    text = printed.read().decode(errors="replace")[-LONGEST_LOG:].strip()
    if text:
        log.info("%s printed: %s", name, text)


def _iso(stamp: np.datetime64) -> str:
    aware: datetime = stamp.astype("datetime64[us]").item().replace(tzinfo=UTC)
    return aware.isoformat()
