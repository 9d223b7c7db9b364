"""How far values jump from the rows just before them."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.panel.tails import large

BEFORE = 5
"""Rows before a value whose median it is measured from: two strange ones among them do not move that."""


def level_before(values: Floats) -> Floats:
    """Return the median of the BEFORE rows before each of `values (m, c)`, `(m, c)`.

    For a missing row a neighbour counts twice; NaN where all are missing.
    """
    m = len(values)
    padded = np.concatenate([np.full((BEFORE, values.shape[1]), np.nan), values])
    low, high = np.fmin(padded[1:], padded[:-1]), np.fmax(padded[1:], padded[:-1])
    # Median of five: of the oldest, the higher of two pairs' minima, and the lower of their maxima.
    oldest = padded[:m]
    minimum = np.fmax(low[1 : m + 1], low[3 : m + 3])
    maximum = np.fmin(high[1 : m + 1], high[3 : m + 3])
    median: Floats = np.fmax(np.fmin(minimum, maximum), np.fmin(np.fmax(minimum, maximum), oldest))
    return median


def largest_jumps(values: Floats) -> Floats:
    """Return how far normal `values (n, c)` jump at most, but for the farthest few, `(c,)`."""
    return large(np.abs(values - level_before(values)))


def winsorized(values: Floats, level: Floats, farthest: Floats) -> Floats:
    """Return `values (m, c)`, at most `farthest (c,)` from `level (m, c)`; as they are where that is NaN."""
    cut: Floats = np.where(np.isnan(level), values, np.clip(values, level - farthest, level + farthest))
    return cut
