"""Windows of fixed lengths, against what training windows look like."""

from abc import abstractmethod

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.detector import SeriesDetector, SeriesReading
from anomaliz.models.series.rolling import trailing_windows
from anomaliz.models.series.rows import Rows

SHARE = 3
"""A window is at most one in this many learnt rows long: of longer ones there would be too few."""
LEARNT = 0.5
"""Share of the training rows that shapes are learnt from, nearly by heart: so the others calibrate."""


class ShapeDetector(SeriesDetector):
    """Compares the newest window, of a fixed length and of a day's, with a model of the training windows."""

    lengths_: Floats
    """Of the windows, `(n_readings,)`."""
    rows_learnt_: int

    def __init__(self, length: int = 48) -> None:
        self.length = length

    @property
    def reach(self) -> int:
        return int(max(self.lengths_)) - 1

    @property
    def min_history(self) -> int:
        return int(max(self.lengths_)) - 1

    @property
    def rows_learnt(self) -> int:
        return self.rows_learnt_

    def _fit(self, rows: Rows) -> None:
        self.rows_learnt_ = max(int(LEARNT * len(rows)), 1)
        rows = Rows(rows.values[: self.rows_learnt_], rows.period, rows.normal[: self.rows_learnt_])
        longest = max(len(rows) // SHARE, 1)
        lengths = {min(self.length, longest), min(self.period_ or self.length, longest)}
        self.lengths_ = np.array(sorted(lengths))
        for i, (length, windows) in enumerate(zip(self.lengths_.tolist(), self._windows(rows), strict=True)):
            clean = rows.normal_for(length)[length - 1 :]
            # Anomalies may leave no long window without one; then they are part of what is usual.
            self._learn(i, windows[length - 1 :][clean if clean.any() else slice(None)])

    def _read(self, rows: Rows, n: int) -> SeriesReading:
        newest = [windows[len(rows) - n :] for windows in self._windows(rows)]
        return SeriesReading(np.stack([self._error(i, windows) for i, windows in enumerate(newest)], axis=1))

    def _windows(self, rows: Rows) -> list[Floats]:
        return [trailing_windows(rows.values, int(length)) for length in self.lengths_]

    @abstractmethod
    def _learn(self, i: int, windows: Floats) -> None:
        """Learn reading `i` from training `windows (n, length * n_features)`."""

    @abstractmethod
    def _error(self, i: int, windows: Floats) -> Floats:
        """Return reading `i` of `windows (n, length * n_features)`, `(n,)`."""
