"""Whether the level, or the restlessness, of late differs from that before."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.level_shift import LARGEST, SMALLEST_SPREAD
from anomaliz.models.series.variance_shift import SMALLEST_STEP
from anomaliz.panel.columns import Columns
from anomaliz.panel.member import Learnt, Member, Reading
from anomaliz.panel.rolling import trailing_mean
from anomaliz.panel.tails import large


class LevelShift(Member):
    """Difference of the means of a short stretch and a long one before it, over the latter's spread."""

    name = "level_shift"

    def __init__(self, stretches: tuple[tuple[int, int], ...] = ((12, 300), (48, 1000))) -> None:
        self.stretches = stretches

    @property
    def reach(self) -> int:
        return max(short + long for short, long in self.stretches)

    def read(self, columns: Columns, learnt: Learnt) -> Reading:  # noqa: ARG002
        own, values = (np.clip(part, -LARGEST, LARGEST) for part in (columns.newest, columns.winsorized))
        return Reading([_difference(own, values, *stretch) for stretch in self.stretches])


class VarianceShift(Member):
    """Log ratio of the mean absolute steps of a short stretch and a long one before it.

    In the means of later rows a step counts at most as what is large for it.
    """

    name = "variance_shift"

    def __init__(self, short: int = 24, long: int = 1000) -> None:
        self.short = short
        self.long = long

    @property
    def reach(self) -> int:
        return self.short + self.long

    def learn(self, columns: Columns) -> Learnt:
        return {"largest": large(np.abs(np.diff(columns.newest, axis=0)))}

    def read(self, columns: Columns, learnt: Learnt) -> Reading:
        values = columns.winsorized
        steps = np.minimum(np.abs(np.diff(values, axis=0)), learnt["largest"])
        own = np.abs(columns.newest - values[len(values) - columns.n - 1 : -1])
        before = trailing_mean(steps[: -self.short], self.long, columns.n, least=self.short)
        now = trailing_mean(steps, self.short, columns.n, last=own)
        return Reading([np.abs(np.log((now + SMALLEST_STEP) / (before + SMALLEST_STEP)))])


def _difference(own: Floats, values: Floats, short: int, long: int) -> Floats:
    past, n = values[:-short], len(own)
    level = trailing_mean(past, long, n, least=short)
    square = trailing_mean(past**2, long, n, least=short)
    spread = np.sqrt(np.maximum(square - level**2, 0))
    difference: Floats = np.abs(trailing_mean(values, short, n, last=own) - level) / (
        spread + SMALLEST_SPREAD
    )
    return difference
