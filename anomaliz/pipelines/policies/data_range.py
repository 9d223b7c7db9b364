"""Data range: the values that a metric can have; any other is an anomaly by itself."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Flags, Floats

DataRange = Sequence[float | None]
"""Lowest and highest value, both allowed; None is no limit."""


def outside(observed: Floats, data_range: DataRange | None) -> Flags:
    """Return of `observed (n, k, f)` whether any feature of a point is outside, `(n, k)`; NaN is not."""
    low, high = data_range or (None, None)
    flags = np.zeros(observed.shape[:2], dtype=np.bool_)
    if low is not None:
        flags |= (observed < low).any(axis=2)
    if high is not None:
        flags |= (observed > high).any(axis=2)
    return flags
