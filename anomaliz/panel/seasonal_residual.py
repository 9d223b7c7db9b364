"""How far values are from what the same time of the last days had."""

import numpy as np

from anomaliz.models.series.seasonal_residual import LARGEST
from anomaliz.panel.columns import LONGEST_MEAN, Columns
from anomaliz.panel.member import Learnt, Member, Reading
from anomaliz.panel.rolling import trailing_mean


class SeasonalResidual(Member):
    """Residual against the daily median, at once and over longer stretches, signed and absolute."""

    name = "seasonal_residual"
    seasonal = True

    def __init__(self, lengths: tuple[int, ...] = (1, 3, 12, 48, LONGEST_MEAN)) -> None:
        self.lengths = lengths

    @property
    def reach(self) -> int:
        return LONGEST_MEAN

    def read(self, columns: Columns, learnt: Learnt) -> Reading:  # noqa: ARG002
        daily, n = columns.daily, columns.n
        assert daily is not None
        residual = columns.values[len(columns.values) - len(daily) :] - daily
        strength = np.minimum(np.abs(residual), LARGEST)
        moved = [np.abs(trailing_mean(residual, length, n)) for length in self.lengths]
        erratic = [trailing_mean(strength, length, n) for length in self.lengths if length > 1]
        return Reading(moved + erratic, daily[len(daily) - n :])
