"""What the members of a panel read: columns of values, and what earlier days had at that time of day."""

from dataclasses import dataclass
from functools import cached_property

from anomaliz.core.types import Floats
from anomaliz.panel.jumps import level_before, winsorized
from anomaliz.preprocessing.gaps import forward_fill

STANDS_FOR = 12
"""Rows for which a value stands in for missing ones after it, where a forecast needs one."""
RECENT = 32
"""Rows before the newest that a forecast may look at."""
LONGEST_MEAN = 144
"""Rows of the longest mean of deviations from the day."""
FARTHEST_LAG = 2.0
"""Times what is large for a jump that a value from which a forecast is made jumps at most."""


@dataclass(frozen=True, eq=False)
class Columns:
    """`c` columns of values in spreads from their median, of which the newest `n` rows are read.

    A column is one feature of one series; those of a series lie side by side. The rows before the newest are
    as many as any member reaches back, NaN where there were none.
    """

    values: Floats
    """`(m, c)`, NaN = missing."""
    n: int
    daily: Floats | None
    """What earlier days had at the time of day of the newest rows and of the LONGEST_MEAN before them,
    `(n + LONGEST_MEAN, c)`; NaN where there is no earlier day. None without a day."""
    jump: Floats
    """How far values jump at most while all is normal, `(c,)`."""

    @cached_property
    def newest(self) -> Floats:
        """`(n, c)`."""
        return self.values[len(self.values) - self.n :]

    @cached_property
    def winsorized(self) -> Floats:
        """The values, a jump cut off where it is large, `(m, c)`: what stretches of rows are read from.

        So a row counts little for those after it, however far it is. A level that lasts counts in full from
        its fourth row on, when it has become the median of those before.
        """
        return winsorized(self.values, self._level, self.jump)

    def before(self, by: int) -> Floats:
        """Return the values `by` rows before each of the newest, `by` at most RECENT, `(n, c)`.

        A value stands for missing ones after it, and none jumps farther than FARTHEST_LAG.
        """
        end = len(self._filled) - by
        return self._filled[end - self.n : end]

    @cached_property
    def _filled(self) -> Floats:
        first = len(self.values) - self.n - RECENT - STANDS_FOR
        lags = winsorized(self.values[first:], self._level[first:], FARTHEST_LAG * self.jump)
        return forward_fill(lags, STANDS_FOR)

    @cached_property
    def _level(self) -> Floats:
        return level_before(self.values)
