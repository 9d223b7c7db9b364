"""Samples of many series, gathered on a grid as they come in."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.labels import Labels, LabelSet, label_set
from anomaliz.core.types import Floats, Stamps
from anomaliz.sources.grid import OUTSIDE, Grid
from anomaliz.sources.readings import Readings

LEAST_ROOM = 16


class Gathering:
    """Keeps at each stamp t of each series the newest sample in [t, t + step).

    Samples may come in any order and in pieces; of two of one series with one stamp the later one counts, and
    NaN and infinity are no samples. A series is known from its first sample on the grid on.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._column: dict[LabelSet, int] = {}
        self._labels: list[Labels] = []
        # One row for each series, so that there can be more of them without moving what is there.
        self._values = np.full((LEAST_ROOM, len(grid)), np.nan)
        self._stamps = np.full((LEAST_ROOM, len(grid)), np.iinfo(np.int64).min)

    def add(
        self, labels: Sequence[Labels], series: NDArray[np.integer], times: Stamps, values: Floats
    ) -> None:
        """Add samples `values (m,)` at `times (m,)`, of which `series (m,)` is the position in `labels`."""
        positions = self._grid.positions(times)
        counted = np.flatnonzero((positions != OUTSIDE) & np.isfinite(values))
        counted = counted[np.argsort(times[counted], kind="stable")]
        rows = np.zeros(len(labels), np.intp)
        for number in np.unique(series[counted]):
            rows[number] = self._row(labels[number])
        stamps = times[counted].astype("datetime64[ns]").view(np.int64)
        place = rows[series[counted]], positions[counted]
        newer = stamps >= self._stamps[place]
        place = place[0][newer], place[1][newer]
        # Of values for one place numpy keeps the last, the newest.
        self._values[place] = values[counted][newer]
        self._stamps[place] = stamps[newer]

    def readings(self, size: int) -> Iterator[Readings]:
        """Yield what was gathered, in chunks of at most `size` stamps."""
        found = len(self._labels)
        done = 0
        for part in self._grid.parts(size):
            values = self._values[:found, done : done + len(part)].T.copy()
            yield Readings(part.times, values, tuple(self._labels))
            done += len(part)

    def _row(self, labels: Labels) -> int:
        row = self._column.setdefault(label_set(labels), len(self._labels))
        if row == len(self._labels):
            self._labels.append(labels)
            if row == len(self._values):
                self._values = np.concatenate([self._values, np.full_like(self._values, np.nan)])
                self._stamps = np.concatenate(
                    [self._stamps, np.full_like(self._stamps, np.iinfo(np.int64).min)]
                )
        return row
