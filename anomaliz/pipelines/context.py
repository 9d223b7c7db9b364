"""What a pipeline has read before, kept on this machine's disk, so that a job reads what is new and no more.

It is a cache: without it, or on another machine, everything is read from the source again.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from anomaliz.core.archive import pack, unpack
from anomaliz.core.panel import Panel
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.reading import read_panel, side_by_side
from anomaliz.sources.source import Source

SUFFIX = ".npz"


class Context:
    """The rows that a pipeline has read, in a file that is replaced as a whole."""

    def __init__(self, folder: Path | None, pipeline: Pipeline, place: str, version: str) -> None:
        """Keep them in `folder`, if any.

        `place` tells the source from others, without secrets. `version` is the model's, and tells what the
        pipeline reads. A new model knows series of which nothing was kept, so everything is read anew for it.
        """
        digest = hashlib.sha256(json.dumps([place, version]).encode()).hexdigest()[:16]
        self._file = folder and folder / f"{pipeline.name}-{digest}{SUFFIX}"
        self._pipeline = pipeline

    def read(self, source: Source, start: np.datetime64, end: np.datetime64) -> Panel:
        """Return the rows of [start, end), those known from the file and the others from the source."""
        known = self._known(start, end)
        if known is None or not len(known):
            return read_panel(source, self._pipeline, start, end)
        after = known.times[-1] + self._pipeline.step_ns
        return side_by_side(known, read_panel(source, self._pipeline, after, end))

    def keep(self, panel: Panel, until: np.datetime64) -> None:
        """Keep what lies before `until`: it is taken not to change any more."""
        if self._file is None:
            return
        _write(self._file, panel.until(until))
        for other in self._file.parent.glob(f"{self._pipeline.name}-{16 * '[0-9a-f]'}{SUFFIX}"):
            if other != self._file:
                other.unlink(missing_ok=True)

    def _known(self, start: np.datetime64, end: np.datetime64) -> Panel | None:
        """Return what the file has from `start` on; None where it begins later or cannot be used."""
        if self._file is None:
            return None
        try:
            arrays = unpack(self._file.read_bytes())
            labels = tuple(json.loads(arrays["labels"].tobytes()))
            panel = Panel(
                arrays["times"].view("datetime64[ns]"), arrays["values"], labels, self._pipeline.features
            )
        except (OSError, ValueError, KeyError):
            return None
        if not len(panel) or panel.times[0] > start:
            return None
        first, last = np.searchsorted(panel.times, np.array([start, end], "datetime64[ns]"))
        return panel.rows(slice(int(first), int(last))).sampled()


def _write(file: Path, panel: Panel) -> None:
    content = pack(
        {
            "times": panel.times.view(np.int64),
            "values": panel.values,
            "labels": np.frombuffer(json.dumps([dict(one) for one in panel.labels]).encode(), np.uint8),
        }
    )
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(file)
    except OSError:
        # A full disk costs time, not data: the next job reads it all again.
        beside.unlink(missing_ok=True)
