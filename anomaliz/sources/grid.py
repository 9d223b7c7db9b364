"""The grid that readings lie on: `start + i * step` in the half-open interval [start, end)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats, Stamps

OUTSIDE = -1


@dataclass(frozen=True)
class Grid:
    """The stamps `start + i * step` before `end`; an end at or before the start gives none."""

    start: np.datetime64
    end: np.datetime64
    step: np.timedelta64

    @classmethod
    def of(cls, start: np.datetime64, end: np.datetime64, step: np.timedelta64) -> Self:
        """Return the grid in nanoseconds; DataError where the step is not positive or an end is NaT."""
        grid = cls(
            start.astype("datetime64[ns]"), end.astype("datetime64[ns]"), step.astype("timedelta64[ns]")
        )
        if np.isnat(grid.start) or np.isnat(grid.end):
            raise DataError("start and end must be stamps, got NaT: give both", field="start")
        # NaT is not greater than anything.
        if not grid.step > np.timedelta64(0, "ns"):
            raise DataError(f"step must be positive, got {step}: give an interval such as 60 s", field="step")
        return grid

    def __len__(self) -> int:
        return max(0, -int((self.start - self.end) // self.step))

    @property
    def times(self) -> Stamps:
        """The stamps, `(len,)`."""
        return self.start + np.arange(len(self)) * self.step

    def parts(self, size: int) -> "Iterator[Grid]":
        """Yield the grid in consecutive pieces of at most `size` stamps."""
        for first in range(0, len(self), size):
            last = min(first + size, len(self))
            end = self.end if last == len(self) else self.start + last * self.step
            yield Grid(self.start + first * self.step, end, self.step)

    def positions(self, times: Stamps) -> NDArray[np.intp]:
        """Return for each of `times (n,)` the position of its stamp t, where it lies in [t, t + step).

        OUTSIDE stands for what lies in no such interval.
        """
        times = times.astype("datetime64[ns]")
        positions = (times - self.start) // self.step
        inside = (times >= self.start) & (times < self.end)
        return np.where(inside, positions.astype(np.intp), OUTSIDE)

    def newest(self, times: Stamps, values: Floats) -> Floats:
        """Return at each stamp t the newest of `values (n,)` in [t, t + step), NaN where there is none.

        `times (n,)` may be in any order; of two samples with one stamp the later in the array counts, and a
        NaN is no sample.
        """
        ordered = np.argsort(times, kind="stable")
        positions = self.positions(times[ordered])
        samples = np.asarray(values, dtype=np.float64)[ordered]
        counted = (positions != OUTSIDE) & ~np.isnan(samples)
        newest = np.full(len(self), np.nan)
        # Of values for one place numpy keeps the last.
        newest[positions[counted]] = samples[counted]
        return newest
