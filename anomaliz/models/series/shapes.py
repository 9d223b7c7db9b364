"""Windows of fixed lengths, against what training windows look like."""

from abc import abstractmethod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from anomaliz.core.types import Floats
from anomaliz.models.series.detector import SeriesDetector, SeriesReading
from anomaliz.models.series.rolling import trailing_windows
from anomaliz.models.series.rows import Rows

SHARE = 3
"""A window is at most one in this many learnt rows long: of longer ones there would be too few."""
LEARNT = 0.5
"""Share of the training rows that shapes are learnt from, nearly by heart: so the others calibrate."""
MOST_LEARNT = 1000
"""Windows that shapes are learnt from at most, evenly spaced: those between are nearly the same."""
BLOCK_CELLS = 2**22
"""Numbers that the windows compared at once hold at most."""


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
        for i, length in enumerate(self.lengths_.tolist()):
            self._learn(i, _learnt_windows(rows, length))

    def _read(self, rows: Rows, n: int) -> SeriesReading:
        errors = [self._errors(i, length, rows, n) for i, length in enumerate(self.lengths_.tolist())]
        return SeriesReading(np.stack(errors, axis=1))

    def _errors(self, i: int, length: int, rows: Rows, n: int) -> Floats:
        """Return reading `i` of the newest `n` rows, block by block: long windows of all would not fit."""
        block = max(BLOCK_CELLS // (length * rows.values.shape[1]), 1)
        errors = np.empty(n)
        for start in range(0, n, block):
            stop = min(start + block, n)
            first, last = len(rows) - n + start, len(rows) - n + stop
            windows = trailing_windows(rows.values[max(first - length + 1, 0) : last], length)
            errors[start:stop] = self._error(i, windows[len(windows) - (stop - start) :])
        return errors

    @abstractmethod
    def _learn(self, i: int, windows: Floats) -> None:
        """Learn reading `i` from training `windows (n, length * n_features)`."""

    @abstractmethod
    def _error(self, i: int, windows: Floats) -> Floats:
        """Return reading `i` of `windows (n, length * n_features)`, `(n,)`."""


def _learnt_windows(rows: Rows, length: int) -> Floats:
    """Return windows of `length` normal rows, or of any where there are none, at most MOST_LEARNT of them."""
    clean = rows.normal_for(length)[length - 1 :]
    # Anomalies may leave no long window without one; then they are part of what is usual.
    starts = np.flatnonzero(clean) if clean.any() else np.arange(len(rows) - length + 1)
    if len(starts) > MOST_LEARNT:
        starts = starts[np.linspace(0, len(starts) - 1, MOST_LEARNT).astype(int)]
    windows = sliding_window_view(rows.values, length, axis=0)[starts]
    return windows.transpose(0, 2, 1).reshape(len(starts), -1)
