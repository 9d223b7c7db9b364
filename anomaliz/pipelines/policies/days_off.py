"""Days off: the holidays of countries and their parts, and dates of one's own."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from anomaliz.core.types import Flags, Stamps


class DaysOff:
    """Which dates are holidays."""

    def __init__(self, given: Sequence[str]) -> None:
        """`given` are countries (`DE`, `DE-BY`) and dates (`2026-12-24`), as a definition has them."""
        self._dates = {one for one in given if one[0].isdigit()}
        self._countries = [_country(one) for one in given if not one[0].isdigit()]

    def flags(self, local: Stamps) -> Flags:
        """Return whether each of `local (n,)`, stamps of a wall clock, falls on a holiday."""
        days, day_of = np.unique(local.astype("datetime64[D]"), return_inverse=True)
        off = np.array([self._off(day) for day in days.tolist()], dtype=np.bool_)
        flags: Flags = off[day_of]
        return flags

    def _off(self, day: date) -> bool:
        return day.isoformat() in self._dates or any(day in country for country in self._countries)


@lru_cache(maxsize=64)
def _country(name: str) -> Any:
    """Return a container of dates that fills itself year by year."""
    import holidays

    country, _, part = name.partition("-")
    return holidays.country_holidays(country, subdiv=part or None)
