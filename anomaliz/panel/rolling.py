"""Sums and means of trailing windows of many columns, where values may be missing.

A window's sum is the same tree of additions wherever the array begins, so a row reads the same to the last
bit however the rows are cut.
"""

import numpy as np

from anomaliz.core.types import Floats


def trailing_sum(values: Floats, length: int, n: int) -> Floats:
    """Return the sum of each of the newest `n` rows and the `length - 1` before it, `(n, c)`.

    Of `values (m, c)`, `m` is at least `n + length - 1`.
    """
    sums = values[len(values) - (n + length - 1) :]  # of `width` rows, each row the last of them
    total, done, width = np.zeros((n, values.shape[1])), 0, 1
    while True:
        if length & width:
            last = len(sums) - done
            total += sums[last - n : last]
            done += width
        if done == length:
            return total
        sums = sums[width:] + sums[:-width]
        width *= 2


def trailing_mean(
    values: Floats, length: int, n: int, *, least: int | None = None, last: Floats | None = None
) -> Floats:
    """Return the mean of what is known in each window, `(n, c)`; arguments as of `trailing_sum`.

    NaN = missing, also where fewer than `least` rows of a window are known, by default half of them. With
    `last (n, c)` the last row of each window counts as that instead, missing where it is in `values`.
    """
    known = ~np.isnan(values)
    count = trailing_sum(known.astype(np.float64), length, n)
    total = trailing_sum(np.where(known, values, 0.0), length, n)
    if last is not None:
        total += np.nan_to_num(last - values[len(values) - n :])
    return divided(total, np.where(count >= ((length + 1) // 2 if least is None else least), count, 0.0))


def divided(over: Floats, under: Floats) -> Floats:
    """Return `over / under`, NaN where `under` is 0."""
    quotient: Floats = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    return quotient
