"""Days off: the holidays of countries and their parts, and dates of one's own."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from anomaliz.core.errors import ConfigError, MissingExtraError
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Flags, Stamps

FIELD = "calendar.holidays"


class DaysOff:
    """Which dates are holidays."""

    def __init__(self, given: Sequence[str]) -> None:
        """`given` are countries (`DE`, `DE-BY`) and dates (`2026-12-24`).

        Raises ConfigError where no holidays are known of a country or of its part.
        """
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
    try:
        import holidays
    except ImportError:
        raise MissingExtraError.of("a calendar with holidays", "pipelines") from None

    country, _, part = name.partition("-")
    known: Mapping[str, Sequence[str]] = holidays.list_supported_countries()
    if country not in known:
        near = suggestion(country, known)
        raise ConfigError(f"{FIELD}: no holidays are known of country {country!r}{near}", field=FIELD)
    if part and part not in known[country]:
        parts = ", ".join(known[country]) or "none"
        raise ConfigError(f"{FIELD}: {country} has no part {part!r}, its parts are {parts}", field=FIELD)
    return holidays.country_holidays(country, subdiv=part or None)
