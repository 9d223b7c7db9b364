"""Direction: whether only what lies above, or below, what was expected counts."""

import numpy as np

from anomaliz.core.types import Flags, Floats
from anomaliz.pipelines.definition import Direction


def in_direction(direction: Direction, deviation: Floats) -> Flags:
    """Return whether each deviation, observed minus expected, of any shape, goes that way; NaN does."""
    if direction == "above":
        wrong = deviation <= 0
    elif direction == "below":
        wrong = deviation >= 0
    else:
        wrong = np.zeros(deviation.shape, dtype=np.bool_)
    return np.logical_not(wrong)
