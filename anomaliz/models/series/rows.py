"""What series detectors read: rows, and what the same time of earlier days leads one to expect of them."""

from functools import cached_property

import numpy as np

from anomaliz.core.types import Flags, Floats

DAYS = 7
JITTER = (-1, 0, 1)
"""Rows around the same time of day that count too: a daily job does not start to the second."""


class Rows:
    """Finite normalised `values (m, n_features)`, one step apart, with `period` rows a day (0 = unknown).

    Of rows to learn from, `normal (m,)` says which are; without it all are.
    """

    def __init__(self, values: Floats, period: int, normal: Flags | None = None) -> None:
        self.values = values
        self.period = period
        self.normal = np.ones(len(values), np.bool_) if normal is None else normal

    def __len__(self) -> int:
        return len(self.values)

    def normal_for(self, length: int) -> Flags:
        """Return which rows are normal together with the `length - 1` before them, `(m,)`."""
        faults = np.cumsum(~self.normal)
        before = np.concatenate([np.zeros(min(length, len(self)), int), faults[:-length]])
        flags: Flags = faults == before
        return flags

    @cached_property
    def daily_median(self) -> Floats:
        """The median over the last seven days of the values at a row's time of day, `(m, n_features)`.

        Of a younger series the days there are count, and on its first day the row before stands in.
        """
        return _daily_median(self.values, self.period)


def daily_reach(period: int) -> int:
    """Return how many rows before a row its daily median looks at."""
    return DAYS * period + max(JITTER)


def _daily_median(values: Floats, period: int) -> Floats:
    m = len(values)
    lags = [day * period + jitter for day in range(1, DAYS + 1) for jitter in JITTER]
    # Of a day of a row or two, a row itself and those after it are not earlier.
    lags = [lag for lag in lags if lag > 0]
    young = min(max(lags), m)
    median = np.empty(values.shape)
    first = min(min(lags), m)
    median[:first] = np.concatenate([values[:1], values[:-1]])[:first]
    earlier = np.full((len(lags), young - first, values.shape[1]), np.nan)
    for i, lag in enumerate(lags):
        if lag < young:
            start = max(lag, first)
            earlier[i, start - first :] = values[start - lag : young - lag]
    if young > first:
        median[first:young] = np.nanmedian(earlier, axis=0)
    if m > young:
        median[young:] = np.median([values[young - lag : m - lag] for lag in lags], axis=0)
    return median
