"""Whether the level, or the restlessness, of late differs from that before."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.level_shift import LARGEST, SMALLEST_SPREAD
from anomaliz.models.series.variance_shift import SMALLEST_STEP
from anomaliz.panel.columns import Columns
from anomaliz.panel.member import Learnt, Member, Reading
from anomaliz.panel.rolling import trailing_mean


class LevelShift(Member):
    """Difference of the means of a short stretch and a long one before it, over the latter's spread."""

    name = "level_shift"

    def __init__(self, stretches: tuple[tuple[int, int], ...] = ((12, 300), (48, 1000))) -> None:
        self.stretches = stretches

    @property
    def reach(self) -> int:
        return max(short + long for short, long in self.stretches)

    def read(self, columns: Columns, learnt: Learnt) -> Reading:  # noqa: ARG002
        values = np.clip(columns.values, -LARGEST, LARGEST)
        return Reading([_difference(values, *stretch, columns.n) for stretch in self.stretches])


class VarianceShift(Member):
    """Log ratio of the mean absolute steps of a short stretch and a long one before it."""

    name = "variance_shift"

    def __init__(self, short: int = 24, long: int = 1000) -> None:
        self.short = short
        self.long = long

    @property
    def reach(self) -> int:
        return self.short + self.long

    def read(self, columns: Columns, learnt: Learnt) -> Reading:  # noqa: ARG002
        steps = np.abs(np.diff(columns.values, axis=0))
        before = trailing_mean(steps[: -self.short], self.long, columns.n, least=self.short)
        now = trailing_mean(steps, self.short, columns.n)
        return Reading([np.abs(np.log((now + SMALLEST_STEP) / (before + SMALLEST_STEP)))])


def _difference(values: Floats, short: int, long: int, n: int) -> Floats:
    past = values[:-short]
    level = trailing_mean(past, long, n, least=short)
    square = trailing_mean(past**2, long, n, least=short)
    spread = np.sqrt(np.maximum(square - level**2, 0))
    difference: Floats = np.abs(trailing_mean(values, short, n) - level) / (spread + SMALLEST_SPREAD)
    return difference
