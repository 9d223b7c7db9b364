"""What a time of day had on earlier days."""

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.types import Floats, Stamps
from anomaliz.models.series.rows import DAYS, JITTER

SHARE = 2 / 3
"""Of the training that the median's days take up at most. A metric that grows is the farther from its median
the more days that has: the rows after them must have shown how far."""
BLOCK_CELLS = 2**22
"""Values that are sorted at once."""


def earlier_days(values: Floats, period: int) -> Floats:
    """Return the median of the last days at each row's time of day, seven at most, `(m + period, c)`.

    Those of `values (m, c)`, then those of the day to come. A row to either side of that time counts too.
    NaN = missing, also where there is no earlier day.
    """
    days = min(max(int(SHARE * len(values) / period), 1), DAYS)
    lags = [day * period + jitter for day in range(1, days + 1) for jitter in JITTER]
    padding = np.full((max(lags), values.shape[1]), np.nan)
    padded = np.concatenate([padding, values, np.full((period, values.shape[1]), np.nan)])
    n = len(values) + period
    medians = np.empty((n, values.shape[1]))
    block = max(BLOCK_CELLS // (len(lags) * max(values.shape[1], 1)), 1)
    for start in range(0, n, block):
        stop = min(start + block, n)
        first, last = len(padding) + start, len(padding) + stop
        # Of a day of a row or two, a row itself is not earlier.
        earlier = [padded[first - lag : last - lag] for lag in lags if lag > 0]
        medians[start:stop] = _median(np.stack(earlier, axis=-1))
    return medians


def place_in_day(times: Stamps, step: np.timedelta64, period: int) -> NDArray[np.int64]:
    """Return which of the `period` rows of a day each of `times (n,)` is, `(n,)`."""
    nanoseconds = step.astype("timedelta64[ns]").astype(np.int64)
    place: NDArray[np.int64] = times.astype("datetime64[ns]").view(np.int64) // nanoseconds % period
    return place


def _median(values: Floats) -> Floats:
    """Return the median over the last axis without NaNs; NaN where there is nothing else."""
    known = (~np.isnan(values)).sum(axis=-1, keepdims=True)
    ascending = np.sort(values, axis=-1)  # NaN comes last
    middle = [np.take_along_axis(ascending, np.maximum(at, 0) // 2, axis=-1) for at in (known - 1, known)]
    median: Floats = ((middle[0] + middle[1]) / 2)[..., 0]
    return np.where(known[..., 0] > 0, median, np.nan)
