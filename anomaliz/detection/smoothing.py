"""Short causal memories of a reading."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Floats

POWER = 3.0
"""Of the mean over time: at 1 a run of mild surprise outweighs a great one, far above only the greatest
counts."""

MOST_REMEMBERED = 2.0
"""Times a row's own reading that the rows before it can make of it."""


def power_means(reading: Floats, half_lives: Sequence[float], before: Floats) -> tuple[Floats, Floats]:
    """Return the exponentially weighted power means of `reading (n,)`, >= 0, one column a half-life in rows.

    `before (n_half_lives,)` holds the means of powers up to the first row, zeros at the beginning; those up
    to the last row are returned too. A NaN leaves the memory as it is.
    """
    decay = 0.5 ** (1 / np.array(half_lives, np.float64))
    means = np.empty((len(reading), len(decay)))
    state = before
    for row, power in enumerate(reading**POWER):
        if not np.isnan(power):
            state = decay * state + (1 - decay) * power
        means[row] = state
    return means ** (1 / POWER), state


def remembered(reading: Floats, half_life: float, before: Floats) -> tuple[Floats, Floats]:
    """Return the power mean of `reading (n,)`, at most MOST_REMEMBERED times the reading itself, `(n, 1)`.

    So a weak row of an anomaly that goes on is carried by the strong ones before it, and the first normal row
    ends it. `before` and the second result are as of `power_means`; a NaN stays one.
    """
    means, after = power_means(reading, (half_life,), before)
    return np.minimum(means, MOST_REMEMBERED * reading[:, np.newaxis]), after


def joined_means(means: Floats) -> Floats:
    """Return the power mean over the columns of `means (n, k)`, `(n,)`."""
    joined: Floats = np.mean(means**POWER, axis=1) ** (1 / POWER)
    return joined
