"""Windows: the last rows before each point, as views into the series."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats


def sliding_windows(values: Floats, window_size: int) -> Floats:
    """Return every window of `values (n, n_features)`, in time order.

    The result is a read-only view `(n - window_size + 1, window_size, n_features)`: window `i`
    ends with row `i + window_size - 1`. It is empty when there are fewer rows than a window needs.
    Raises DataError for a window size below 1.
    """
    if window_size < 1:
        raise DataError(f"window_size must be 1 or more, got {window_size}", field="window_size")
    if len(values) < window_size:
        return np.empty((0, window_size, values.shape[1]), dtype=values.dtype)
    return np.moveaxis(sliding_window_view(values, window_size, axis=0), -1, 1)


def complete(windows: Floats) -> Flags:
    """Return which of `windows (n, window_size, n_features)` have no NaN inside, `(n,)`."""
    # In a sliding view the next window lies one row further on, so each row need be read only once.
    if len(windows) and windows.strides[0] == windows.strides[1]:
        return _complete_sliding(windows)
    flags: Flags = np.logical_not(np.isnan(windows).any(axis=(1, 2)))
    return flags


def _complete_sliding(windows: Floats) -> Flags:
    window_size = windows.shape[1]
    rows = np.concatenate([windows[:, 0], windows[-1, 1:]])
    missing = np.concatenate([[0], np.cumsum(np.isnan(rows).any(axis=1))])
    flags: Flags = missing[window_size:] == missing[:-window_size]
    return flags
