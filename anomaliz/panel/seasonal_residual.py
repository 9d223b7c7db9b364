"""How far values are from what the same time of the last days had."""

import numpy as np

from anomaliz.models.series.seasonal_residual import LARGEST
from anomaliz.panel.columns import LONGEST_MEAN, Columns
from anomaliz.panel.member import Learnt, Member, Reading
from anomaliz.panel.rolling import trailing_mean
from anomaliz.panel.tails import large


class SeasonalResidual(Member):
    """Residual against the daily median, at once, and its mean over stretches, signed and absolute.

    In the means of later rows a row counts at most as what is large for it.
    """

    name = "seasonal_residual"
    seasonal = True

    def __init__(self, lengths: tuple[int, ...] = (3, 12, 48, LONGEST_MEAN)) -> None:
        self.lengths = lengths

    @property
    def reach(self) -> int:
        return LONGEST_MEAN

    def learn(self, columns: Columns) -> Learnt:
        assert columns.daily is not None
        residual = columns.newest - columns.daily[LONGEST_MEAN:]
        return {"largest": np.minimum(large(np.abs(residual)), LARGEST)}

    def read(self, columns: Columns, learnt: Learnt) -> Reading:
        daily, n, largest = columns.daily, columns.n, learnt["largest"]
        assert daily is not None
        expected = daily[len(daily) - n :]
        own = columns.newest - expected
        size = np.minimum(np.abs(own), LARGEST)
        past = np.clip(columns.winsorized[len(columns.values) - len(daily) :] - daily, -largest, largest)
        moved = [np.abs(trailing_mean(past, length, n, last=own)) for length in self.lengths]
        erratic = [trailing_mean(np.abs(past), length, n, last=size) for length in self.lengths]
        return Reading([np.abs(own), *moved, *erratic], expected)
