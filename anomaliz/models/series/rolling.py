"""Trailing windows of a series that may have begun only lately.

Every function works on whole windows and not on running sums, so that a row's result is the same to the last
bit wherever the array begins.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from anomaliz.core.types import Floats

CHUNK = 4096
"""Windows that are held at once."""


def trailing_mean(values: Floats, length: int) -> Floats:
    """Return the mean of each row and the `length - 1` before it, or of as many as there are.

    `values (m, k)` give `(m, k)`.
    """
    m = len(values)
    means = np.empty(values.shape)
    for row in range(min(length - 1, m)):
        means[row] = values[: row + 1].mean(axis=0)
    if m >= length:
        windows = sliding_window_view(values, length, axis=0)
        for start in range(0, len(windows), CHUNK):
            part = np.ascontiguousarray(windows[start : start + CHUNK])
            means[start + length - 1 : start + length - 1 + len(part)] = part.mean(axis=-1)
    return means


def delayed(values: Floats, by: int) -> Floats:
    """Return `values (m, k)` moved `by` rows later; the first row stands for what is before it."""
    if by == 0 or not len(values):
        return values
    kept = max(len(values) - by, 0)
    return np.concatenate([np.repeat(values[:1], len(values) - kept, axis=0), values[:kept]])


def trailing_windows(values: Floats, length: int) -> Floats:
    """Return each row with the `length - 1` before it, side by side: `(m, length * k)` of `(m, k)`.

    The first row stands for what is before it.
    """
    if not len(values):
        return np.empty((0, length * values.shape[1]))
    padded = np.concatenate([np.repeat(values[:1], length - 1, axis=0), values])
    windows = sliding_window_view(padded, length, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(values), -1)
