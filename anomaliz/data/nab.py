"""The Numenta Anomaly Benchmark (Lavin and Ahmad, ICMLA 2015): where its files are, and its series.

`python -m anomaliz.data.nab` evaluates on it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Floats, Stamps
from anomaliz.data.columns import numbers
from anomaliz.data.nab_cache import NabCache
from anomaliz.data.nab_content import WINDOWS_FILE, fault_in, parse_windows
from anomaliz.data.table_file import read_table
from anomaliz.metrics.nab import windows_of

DIRECTORY_VARIABLE = "ANOMALIZ_NAB_DIR"
ALIASES: Mapping[str, str] = {
    "cpu_asg": "realKnownCause/cpu_utilization_asg_misconfiguration.csv",
    "ec2_cpu_ac20cd": "realAWSCloudwatch/ec2_cpu_utilization_ac20cd.csv",
}
"""Short names of the series that are evaluated when none is named."""


class NabFiles(Protocol):
    """A place that has NAB's files under NAB's own names."""

    def has(self, name: str) -> bool:
        """Return whether the file can be had."""

    def place(self, name: str) -> Path:
        """Return where the file lies once it is read."""

    def read(self, name: str) -> bytes:
        """Return the file's content; DataError without it, or when it is plainly another file."""


@dataclass(frozen=True)
class NabFolder:
    """A folder with NAB's `data` and `labels`."""

    directory: Path

    def has(self, name: str) -> bool:
        return (self.directory / name).is_file()

    def place(self, name: str) -> Path:
        return self.directory / name

    def read(self, name: str) -> bytes:
        path = self.place(name)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}): give the folder with NAB's data and labels"
            ) from None
        fault = fault_in(name, content)
        if fault:
            raise DataError(f"{path} {fault}: get it from NAB again")
        return content


@dataclass(frozen=True, eq=False)
class NabFile:
    """A series of NAB: its file's rows, in their order."""

    path: str
    """Inside NAB's `data`."""
    values: Floats
    """`(n, 1)`."""
    times: Stamps
    """`(n,)` as they stand: some repeat or step back."""
    windows: Sequence[tuple[int, int]]
    """Half-open ranges of rows around the anomalies."""
    sources: tuple[Path, ...]
    """Files that this was read from."""


class Nab:
    """The benchmark's series.

    Raises DataError when the windows cannot be read.
    """

    def __init__(self, files: NabFiles) -> None:
        self._files = files
        self._windows = parse_windows(files.read(WINDOWS_FILE))

    @property
    def paths(self) -> list[str]:
        """Every series with windows and a file, in order; DataError when there is none."""
        found = sorted(path for path in self._windows if self._files.has(f"data/{path}"))
        if not found:
            raise DataError(
                f"no series of {WINDOWS_FILE} is there: give the folder with NAB's data and labels"
            )
        return found

    def resolve(self, names: Sequence[str]) -> list[str]:
        """Return the paths that `names`, aliases or paths, stand for, each once; DataError for others."""
        paths = dict.fromkeys(ALIASES.get(name, name) for name in names)
        for path in paths:
            if path not in self._windows:
                near = suggestion(path, [*self._windows, *ALIASES])
                raise DataError(f"NAB has no series {path!r}{near or ': give its path inside data'}")
        return list(paths)

    def read(self, path: str) -> NabFile:
        """Return the series at `path`; DataError naming what in it cannot be used."""
        content, place = self._files.read(f"data/{path}"), self._files.place(f"data/{path}")
        frame = read_table(BytesIO(content), str(place), "csv", None)
        try:
            times = parse_stamps(frame["timestamp"].tolist(), field="timestamp")
            values = numbers(frame["value"], "value")[:, np.newaxis]
            windows = windows_of(times, self._windows[path])
        except DataError as error:
            raise DataError(f"{place}: {error}", field=error.field) from None
        return NabFile(path, values, times, windows, (place, self._files.place(WINDOWS_FILE)))


def find(directory: Path | None = None) -> NabFiles:
    """Return NAB's files: in `directory`, else in ANOMALIZ_NAB_DIR, else downloaded into `.nab_cache`."""
    if directory is None and os.environ.get(DIRECTORY_VARIABLE):
        directory = Path(os.environ[DIRECTORY_VARIABLE])
    return NabCache.default() if directory is None else NabFolder(directory)


def main() -> None:
    """Run `python -m anomaliz.data.nab`, which stands on everything and so is imported only here."""
    from anomaliz.evaluation.nab_cli import main as evaluate

    evaluate()


if __name__ == "__main__":
    main()
