"""Missing rows: made visible as NaN, then filled forward, never from the future."""

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import nanoseconds_apart
from anomaliz.core.types import Floats, Stamps

GAP_STEPS = 1.5
"""Neighbouring stamps this many steps apart or more have rows missing between them; less is jitter."""


def insert_gaps(
    values: Floats, times: Stamps, step: np.timedelta64, *, most: int, period: int = 1
) -> tuple[Floats, Stamps, NDArray[np.intp]]:
    """Insert NaN rows where stamps are missing.

    `values (n, n_features)` and strictly increasing `times (n,)` give `m >= n` rows: the values,
    the stamps (inserted ones follow the last given one, a step apart) and the positions `(n,)` of
    the given rows among them. Given rows keep their stamps. At most `most` rows are inserted in
    one gap, so that a gap of years costs nothing; with a `period` of rows, so many more that the rows after
    keep their place in it. Raises DataError for a step that is not positive.
    """
    followers = _missing_after(times, step, most, period)
    positions = np.arange(len(times)) + np.cumsum(followers) - followers
    total = len(times) + int(followers.sum())
    whole = np.full((total, values.shape[1]), np.nan)
    whole[positions] = values
    steps_since = np.arange(total) - np.repeat(positions, 1 + followers)
    return whole, np.repeat(times, 1 + followers) + steps_since * step, positions


def forward_fill(values: Floats, limit: int) -> Floats:
    """Return a copy of `values (n, n_features)` with NaN replaced by the feature's last value.

    A value stands for at most `limit` rows after its own; what lies farther, or before the first
    value, stays NaN.
    """
    rows = np.arange(len(values))[:, np.newaxis]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
    near = (last >= 0) & (rows - last <= limit)
    return np.where(near, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)


def _missing_after(times: Stamps, step: np.timedelta64, most: int, period: int) -> NDArray[np.intp]:
    """Return how many rows to insert after each row, `(n,)`; none after the last."""
    if step <= np.timedelta64(0, "ns"):
        raise DataError("step must be a positive duration", field="step")
    steps_apart = nanoseconds_apart(times) / (step / np.timedelta64(1, "ns"))
    missing: Floats = np.where(steps_apart >= GAP_STEPS, np.rint(steps_apart) - 1, 0)
    followers: Floats = np.append(missing, 0)[: len(times)]
    cut = np.maximum(followers - most, 0)
    kept: NDArray[np.intp] = (followers - cut + cut % period).astype(np.intp)
    return kept
