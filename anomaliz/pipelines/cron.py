"""Schedules as cron writes them: five fields, minute, hour, day of month, month and day of week."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, Self
from zoneinfo import ZoneInfo

from anomaliz.core.errors import MissingExtraError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FORM = "give minute, hour, day of month, month and day of week, as in '*/5 * * * *'"

_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@dataclass(frozen=True)
class Field:
    """A place in a cron line and what may stand there."""

    noun: str
    first: int
    last: int
    names: tuple[str, ...] = ()
    """Of the values from `first` on."""

    def values(self, text: str) -> frozenset[int]:
        """Return the numbers that `text` stands for; ValueError where it cannot."""
        return frozenset(value for part in text.split(",") for value in self._range(part))

    def _range(self, part: str) -> range:
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"must be a cron line, its {self.noun} {part!r} is none: {FORM}")
        whole, low, high, stride = match.groups()
        first = self.first if whole == "*" else self._number(low)
        # `5/15` is every 15 from 5 on.
        open_ended = whole == "*" or (high is None and stride is not None)
        last = self.last if open_ended else self._number(high or low)
        if last < first or stride == "0":
            raise ValueError(f"must be a cron line, its {self.noun} {part!r} holds nothing: {FORM}")
        return range(first, last + 1, int(stride or 1))

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.first + self.names.index(text.lower())
        if not text.isdecimal() or not self.first <= int(text) <= self.last:
            raise ValueError(
                f"must be a cron line whose {self.noun} is from {self.first} to {self.last}, got {text!r}"
            )
        return int(text)


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, MONTHS),
    # Sunday is 0 and 7.
    Field("day of week", 0, 7, WEEKDAYS),
)
DAY_MINUTES = 24 * 60
HORIZON = [date(2024, 1, 1) + timedelta(days=days) for days in range(8 * 366)]
"""Days, two 29 February among them, in which a schedule shows how regular it is."""


@dataclass(frozen=True)
class Cron:
    """A cron line. Of day of month and day of week, where both are restricted, one is enough."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """As `date.weekday()` counts: 0 is Monday."""
    either_day: bool
    """Whether day of month and day of week are both restricted."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the schedule that `text` means; ValueError where it means none or its day never comes."""
        parts = text.split()
        if len(parts) != len(FIELDS):
            raise ValueError(f"must be a cron line of 5 fields, got {len(parts)}: {FORM}")
        minutes, hours, days, months, sundays = (
            field.values(part) for field, part in zip(FIELDS, parts, strict=True)
        )
        weekdays = frozenset((day - 1) % 7 for day in sundays)
        either_day = not parts[2].startswith("*") and not parts[4].startswith("*")
        cron = cls(" ".join(parts), minutes, hours, days, months, weekdays, either_day)
        if not any(map(cron.falls_on, HORIZON)):
            raise ValueError(f"must be a cron line of days that exist, got {text!r}")
        return cron

    def falls_on(self, day: date) -> bool:
        """Return whether the schedule fires on `day`."""
        of_month, of_week = day.day in self.days, day.weekday() in self.weekdays
        fits = of_month or of_week if self.either_day else of_month and of_week
        return fits and day.month in self.months

    @cached_property
    def minutes_of_day(self) -> tuple[int, ...]:
        """Minutes since midnight, by the clock on the wall, at which it fires."""
        return tuple(sorted(60 * hour + minute for hour in self.hours for minute in self.minutes))

    @property
    def interval(self) -> int | None:
        """Minutes from one fire to the next by the clock on the wall, None where that differs."""
        days = [day.toordinal() for day in HORIZON if self.falls_on(day)]
        over_night = self.minutes_of_day[0] - self.minutes_of_day[-1]
        gaps = {later - earlier for earlier, later in pairwise(self.minutes_of_day)}
        gaps |= {DAY_MINUTES * (later - earlier) + over_night for earlier, later in pairwise(days)}
        return gaps.pop() if len(gaps) == 1 else None

    def trigger(self, timezone: str = "UTC", jitter: float = 0.0) -> Any:
        """Return APScheduler's trigger of this schedule in a timezone, up to `jitter` seconds late."""
        try:
            from apscheduler.triggers.combining import OrTrigger
            from apscheduler.triggers.cron import CronTrigger
        except ImportError:
            raise MissingExtraError.of("running pipelines", "pipelines") from None

        # Its own reader of cron lines takes 0 for Monday, and wants both kinds of day to fit.
        time = {"minute": _listed(self.minutes), "hour": _listed(self.hours), "month": _listed(self.months)}
        of_month, of_week = {"day": _listed(self.days)}, {"day_of_week": _listed(self.weekdays)}
        chosen = [of_month, of_week] if self.either_day else [of_month | of_week]
        triggers = [CronTrigger(**time, **days, timezone=ZoneInfo(timezone)) for days in chosen]
        seconds = round(jitter) or None
        if len(triggers) > 1:
            return OrTrigger(triggers, jitter=seconds)
        triggers[0].jitter = seconds
        return triggers[0]


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """Return `Cron.parse(text)`, remembered."""
    return Cron.parse(text)


def _listed(values: frozenset[int]) -> str:
    return ",".join(map(str, sorted(values)))
