"""How far a value is from what the same time of the last days had."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.featurewise import FeaturewiseDetector
from anomaliz.models.series.rolling import trailing_mean
from anomaliz.models.series.rows import Rows, daily_reach

LARGEST = 10.0
"""Spreads that one residual counts in a mean: a single spike is not a long anomaly."""


class SeasonalResidual(FeaturewiseDetector):
    """Residual against the daily median, at once and over longer stretches.

    A mean of signed residuals sees a level that has moved, a mean of absolute ones a series that has
    become erratic.
    """

    name = "seasonal_residual"
    seasonal = True

    def __init__(self, lengths: tuple[int, ...] = (1, 3, 12, 48, 144)) -> None:
        self.lengths = lengths

    @property
    def reach(self) -> int:
        return daily_reach(self.period_) + max(self.lengths) - 1

    @property
    def min_history(self) -> int:
        return self.period_ + 1

    def _feature_readings(self, rows: Rows) -> tuple[list[Floats], Floats | None]:
        residual = rows.values - rows.daily_median
        strength = np.minimum(np.abs(residual), LARGEST)
        moved = [np.abs(trailing_mean(residual, length)) for length in self.lengths]
        erratic = [trailing_mean(strength, length) for length in self.lengths if length > 1]
        return moved + erratic, rows.daily_median
