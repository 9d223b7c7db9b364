"""Whether the level of late differs from the level before."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.featurewise import FeaturewiseDetector
from anomaliz.models.series.rolling import delayed, trailing_mean
from anomaliz.models.series.rows import Rows

LARGEST = 10.0
"""Spreads from the median that a value counts at most, so that one spike is not a level."""
SMALLEST_SPREAD = 0.05


class LevelShift(FeaturewiseDetector):
    """Difference between the means of a short stretch and a long one before it, over the latter's spread."""

    name = "level_shift"

    def __init__(self, stretches: tuple[tuple[int, int], ...] = ((12, 300), (48, 1000))) -> None:
        self.stretches = stretches

    @property
    def reach(self) -> int:
        return max(short + long for short, long in self.stretches) - 1

    @property
    def min_history(self) -> int:
        return 2 * max(short for short, _ in self.stretches)

    def _feature_readings(self, rows: Rows) -> tuple[list[Floats], Floats | None]:
        values = np.clip(rows.values, -LARGEST, LARGEST)
        return [_difference(values, short, long) for short, long in self.stretches], None


def _difference(values: Floats, short: int, long: int) -> Floats:
    level = delayed(trailing_mean(values, long), short)
    square = delayed(trailing_mean(values**2, long), short)
    spread = np.sqrt(np.maximum(square - level**2, 0))
    return np.abs(trailing_mean(values, short) - level) / (spread + SMALLEST_SPREAD)
