"""How far the shape of late is from every shape of the past."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.detector import Scale, SeriesDetector, SeriesReading
from anomaliz.models.series.rolling import trailing_windows
from anomaliz.models.series.rows import Rows, daily_reach

BLOCK = 256
"""Windows whose distances to the past are held at once."""
ROUNDING = 1e-12
"""Of the squared lengths: a squared distance below is that of a window that has come before exactly."""


class WindowNovelty(SeriesDetector):
    """Distance of the newest window to its third-nearest among those of the last `memory` rows.

    A repeated anomaly is thus not new, a single earlier one does not hide the next. After the discords of
    Keogh, Lin and Fu, "HOT SAX: Efficiently finding the most unusual time series subsequence" (ICDM 2005),
    only looking back. With `deviations`, the windows of a series with a known day are those of its
    deviations from the daily median.
    """

    name = "window_novelty"

    def __init__(
        self,
        lengths: tuple[int, ...] = (1, 3, 6, 12, 24, 48, 96, 144),
        memory: int = 4000,
        neighbours: int = 3,
        deviations: bool = False,
        scale: Scale = "robust",
    ) -> None:
        self.lengths = lengths
        self.memory = memory
        self.neighbours = neighbours
        self.deviations = deviations
        self.scale = scale

    @property
    def reach(self) -> int:
        before = daily_reach(self.period_) if self._deviates else 0
        return before + self.memory + 2 * max(self.lengths) - 1

    @property
    def min_history(self) -> int:
        return 2 * max(self.lengths) + self.neighbours + (self.period_ if self._deviates else 0)

    @property
    def _deviates(self) -> bool:
        return self.deviations and self.period_ > 1

    def _read(self, rows: Rows, n: int) -> SeriesReading:
        values = rows.values - rows.daily_median if self._deviates else rows.values
        return SeriesReading(
            np.stack([self._distances(values, n, length) for length in self.lengths], axis=1)
        )

    def _distances(self, values: Floats, n: int, length: int) -> Floats:
        windows = trailing_windows(values, length)
        squares = np.einsum("ij,ij->i", windows, windows)
        first = len(values) - n
        distances = [
            self._block(windows, squares, start, min(start + BLOCK, len(values)), length)
            for start in range(first, len(values), BLOCK)
        ]
        return np.sqrt(np.concatenate(distances)) if distances else np.empty(0)

    def _block(self, windows: Floats, squares: Floats, start: int, stop: int, length: int) -> Floats:
        """Return the squared distances of windows `start` to `stop`."""
        oldest = max(start - self.memory - length + 1, 0)
        past = slice(oldest, max(stop - length, oldest))
        squared = squares[start:stop, np.newaxis] + squares[past] - 2 * windows[start:stop] @ windows[past].T
        squared[squared < ROUNDING * squares[start:stop, np.newaxis]] = 0
        age = np.arange(start, stop)[:, np.newaxis] - np.arange(past.start, past.stop)
        # A window that shares rows with this one is itself, moved; one beyond memory is forgotten.
        squared[(age < length) | (age >= self.memory + length)] = np.inf
        return _smallest(squared, self.neighbours)


def _smallest(squared: Floats, k: int) -> Floats:
    """Return the k-th smallest of each row, or the largest there is; 0 where there is none."""
    rows, there = squared.shape
    if not there:
        return np.zeros(rows)
    k = min(k, there)
    nearest = np.partition(squared, k - 1, axis=1)[:, :k]
    farthest: Floats = np.max(np.where(np.isfinite(nearest), nearest, 0), axis=1)
    return farthest
