"""Whether the series has become more or less restless than it was."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.featurewise import FeaturewiseDetector
from anomaliz.models.series.rolling import delayed, trailing_mean
from anomaliz.models.series.rows import Rows

SMALLEST_STEP = 0.01
"""Added to both means, so that a still series has a ratio."""


class VarianceShift(FeaturewiseDetector):
    """Log ratio of the mean absolute step of a short stretch to that of a long one before it."""

    name = "variance_shift"

    def __init__(self, short: int = 24, long: int = 1000) -> None:
        self.short = short
        self.long = long

    @property
    def reach(self) -> int:
        return self.short + self.long

    @property
    def min_history(self) -> int:
        return 2 * self.short

    def _feature_readings(self, rows: Rows) -> tuple[list[Floats], Floats | None]:
        steps = np.abs(np.diff(rows.values, axis=0, prepend=rows.values[:1]))
        before = delayed(trailing_mean(steps, self.long), self.short)
        now = trailing_mean(steps, self.short)
        return [np.abs(np.log((now + SMALLEST_STEP) / (before + SMALLEST_STEP)))], None
