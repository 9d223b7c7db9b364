"""How far each row of a series can be judged."""

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.types import Floats
from anomaliz.core.verdict import Status
from anomaliz.preprocessing.windowing import complete, sliding_windows


def status_of(rows: Floats, filled: Floats, window_size: int) -> NDArray[np.int8]:
    """Return the status of `rows (n, n_features)`, NaN = missing, of which `filled` fills short gaps, `(n,)`.

    A window of `window_size` rows must be whole, or whole once filled.
    """
    missing = np.isnan(rows).all(axis=1) | np.isnan(filled).any(axis=1)
    status = np.full(len(rows), Status.warming_up, np.int8)
    first = window_size - 1
    status[first:][complete(sliding_windows(filled, window_size))] = Status.degraded
    status[first:][complete(sliding_windows(rows, window_size))] = Status.ok
    status[missing] = Status.no_data
    return status
