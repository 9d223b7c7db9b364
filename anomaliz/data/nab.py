"""The Numenta Anomaly Benchmark (Lavin and Ahmad, ICMLA 2015): where its files are, and its series.

`python -m anomaliz.data.nab` evaluates on it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Floats, Stamps
from anomaliz.data.columns import numbers
from anomaliz.data.nab_cache import NabCache
from anomaliz.data.table_file import read_table
from anomaliz.metrics.nab import windows_of

if TYPE_CHECKING:
    import pandas as pd

DIRECTORY_VARIABLE = "ANOMALIZ_NAB_DIR"
WINDOWS_FILE = "labels/combined_windows.json"
ALIASES: Mapping[str, str] = {
    "cpu_asg": "realKnownCause/cpu_utilization_asg_misconfiguration.csv",
    "ec2_cpu_ac20cd": "realAWSCloudwatch/ec2_cpu_utilization_ac20cd.csv",
}
"""Short names of the series that are evaluated when none is named."""
COLUMNS = ("timestamp", "value")

Windows: TypeAlias = Mapping[str, Sequence[Sequence[str]]]
"""First and last stamp of each window, by series."""


class NabFiles(Protocol):
    """A place that has NAB's files under NAB's own names."""

    def has(self, name: str) -> bool:
        """Return whether the file can be had."""

    def read(self, name: str) -> bytes:
        """Return the file's content; DataError without it."""


@dataclass(frozen=True)
class NabFolder:
    """A folder with NAB's `data` and `labels`."""

    directory: Path

    def has(self, name: str) -> bool:
        return (self.directory / name).is_file()

    def read(self, name: str) -> bytes:
        try:
            return (self.directory / name).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self.directory / name} cannot be read ({error.strerror}): "
                "give the folder with NAB's data and labels"
            ) from None


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


class Nab:
    """The benchmark's series.

    Raises DataError when the windows cannot be read.
    """

    def __init__(self, files: NabFiles) -> None:
        self._files = files
        self._windows = _parse_windows(files.read(WINDOWS_FILE))

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
        content = self._files.read(f"data/{path}")
        frame = read_table(BytesIO(content), path, "csv", None)
        try:
            return _file(path, frame, self._windows[path])
        except DataError as error:
            raise DataError(f"{path}: {error}", field=error.field) from None


def find(directory: Path | None = None) -> NabFiles:
    """Return NAB's files: in `directory`, else in ANOMALIZ_NAB_DIR, else downloaded into `.nab_cache`."""
    if directory is None and os.environ.get(DIRECTORY_VARIABLE):
        directory = Path(os.environ[DIRECTORY_VARIABLE])
    return NabCache.default() if directory is None else NabFolder(directory)


def _file(path: str, frame: "pd.DataFrame", windows: Sequence[Sequence[str]]) -> NabFile:
    for column in COLUMNS:
        if column not in frame:
            raise DataError(f"there must be a column {column!r}", field=column)
    times = parse_stamps(frame["timestamp"].tolist(), field="timestamp")
    values = numbers(frame["value"], "value")[:, np.newaxis]
    return NabFile(path, values, times, windows_of(times, windows))


def _parse_windows(content: bytes) -> Windows:
    try:
        windows = json.loads(content)
    except ValueError:
        raise DataError(f"{WINDOWS_FILE} is not JSON: get it from NAB again") from None
    if not isinstance(windows, dict) or not all(map(_is_entry, windows.items())):
        raise DataError(f"{WINDOWS_FILE} must have lists of pairs of stamps by series: get it from NAB again")
    return windows


def _is_entry(entry: tuple[str, object]) -> bool:
    path, windows = entry
    # A name becomes a place to write to, which must not lie outside the folder that was asked for.
    inside = not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    return inside and isinstance(windows, list) and all(isinstance(window, list) for window in windows)


def main() -> None:
    """Run `python -m anomaliz.data.nab`, which stands on everything and so is imported only here."""
    from anomaliz.evaluation.nab_cli import main as evaluate

    evaluate()


if __name__ == "__main__":
    main()
