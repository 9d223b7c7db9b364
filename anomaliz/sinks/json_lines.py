"""A file of JSON lines, one for each sample.

`{"time": "2026-01-05T00:00:00.000Z", "labels": {"__name__": "anomaly_score"}, "value": 0.12}`
"""

import fcntl
import json
import math
import os
from collections.abc import Iterator, Sequence
from io import FileIO
from typing import Literal

import numpy as np
from pydantic import Field

from anomaliz.config.settings import Location, Section
from anomaliz.core.errors import SourceError
from anomaliz.sinks.sink import Samples

REMEMBERED = 200_000
"""Newest lines that are not written again: more than a job writes between two commits of its state."""
TAIL = 64 * 2**20
"""Bytes at the file's end in which they are looked for when it is opened."""


class JsonLinesSettings(Section):
    """A file that samples are appended to."""

    type: Literal["json_lines"] = "json_lines"
    path: Location = Field(description="The file; its folder is made.")


class JsonLinesSink:
    """Appends a batch at once, under a lock, and syncs it.

    Lines that are among the newest already are not written again, so that a job which runs twice writes once.
    A last line that a crash cut off is removed.
    """

    def __init__(self, settings: JsonLinesSettings) -> None:
        """Open the file; SourceError where it cannot be written."""
        self._path = settings.path
        # Hashes of lines. A dictionary, for its order: the newest are last.
        self._newest: dict[int, None] = {}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file: FileIO = self._path.open("a+b", buffering=0)
        except OSError as error:
            raise SourceError(self._fault(error)) from None
        if not self._path.is_file():
            self._file.close()
            raise SourceError(f"{self._path} is a device or a pipe: give the path of a file")
        self._end = max(0, self._file.seek(0, os.SEEK_END) - TAIL)

    def write(self, batch: Sequence[Samples]) -> None:
        """Append what is new of `batch`; SourceError, with nothing appended, where that is not possible."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                self._append(batch)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        except OSError as error:
            raise SourceError(self._fault(error)) from None

    def check(self) -> None:
        """Do nothing: the file was opened for writing."""

    def flush(self) -> None:
        """Do nothing: a batch is on the disk when `write` returns."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, batch: Sequence[Samples]) -> None:
        self._catch_up()
        new = [line for line in _lines(batch) if hash(line) not in self._newest]
        if not new:
            return
        try:
            written = self._file.write(b"".join(new))
            os.fsync(self._file.fileno())
            if written != sum(map(len, new)):
                raise OSError(0, "the disk is full")
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += written
        self._remember(new)

    def _catch_up(self) -> None:
        """Read what the file has beyond what we know: from before us, and from other processes."""
        self._file.seek(self._end)
        lines = self._file.readall().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            # Whoever writes has the lock, so nobody is going to end this line.
            torn = lines.pop()
            self._file.truncate(self._file.tell() - len(torn))
        self._end += sum(map(len, lines))
        self._remember(lines)

    def _remember(self, lines: Sequence[bytes]) -> None:
        self._newest |= dict.fromkeys(map(hash, lines))
        for oldest in list(self._newest)[: len(self._newest) - REMEMBERED]:
            del self._newest[oldest]

    def _fault(self, error: OSError) -> str:
        return f"{self._path} cannot be written: {error.strerror or error}; give another path, or make room"


def _lines(batch: Sequence[Samples]) -> Iterator[bytes]:
    for samples in batch:
        labels = json.dumps(dict(sorted(samples.labels.items())), ensure_ascii=False)
        stamps = np.datetime_as_string(samples.times.astype("datetime64[ms]"), timezone="UTC")
        for stamp, value in zip(stamps, samples.values.tolist(), strict=True):
            if math.isfinite(value):
                yield f'{{"time": "{stamp}", "labels": {labels}, "value": {value!r}}}\n'.encode()
