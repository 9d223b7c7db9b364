"""Hours of the week, as a wall clock shows them."""

from collections.abc import Iterable

import numpy as np

from anomaliz.core.types import Flags, Stamps
from anomaliz.pipelines.hours import DAY_MINUTES, Hours

WEEK_MINUTES = 7 * DAY_MINUTES
_MONDAY = np.datetime64("1970-01-05T00:00", "m")


def minutes_of_week(weekly: Iterable[Hours]) -> Flags:
    """Return which minutes of the week, from Monday 00:00 on, any of the hours holds, `(10080,)`."""
    minutes = np.zeros(WEEK_MINUTES, dtype=np.bool_)
    for hours in weekly:
        for day in hours.days:
            minutes[(day * DAY_MINUTES + np.arange(hours.start, hours.end)) % WEEK_MINUTES] = True
    return minutes


def within(minutes: Flags, local: Stamps) -> Flags:
    """Return whether each of `local (n,)`, stamps of a wall clock, is in one of the `minutes` of the week."""
    since_monday = (local.astype("datetime64[m]") - _MONDAY).astype(np.int64)
    flags: Flags = minutes[since_monday % WEEK_MINUTES]
    return flags
