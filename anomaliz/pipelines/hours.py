"""Hours of a week as people write them: `Mon-Fri 08:00-18:00`."""

import re
from dataclasses import dataclass
from typing import Self

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
FORM = "must be days and hours such as 'Mon-Fri 08:00-18:00'"

_HOURS = re.compile(r"(?:(?P<days>\S+)\s+)?(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)")


@dataclass(frozen=True)
class Hours:
    """A part of certain days; one that ends before it starts ends on the day after."""

    days: frozenset[int]
    """Days on which it starts, 0 is Monday."""
    start: int
    """Minutes after midnight."""
    end: int
    """Minutes after the midnight that `start` counts from: over 1440 where it is the day after."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the hours that `text` means, every day's where it names none; ValueError where it cannot."""
        match = _HOURS.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{FORM}, got {text!r}")
        start, end = _minutes(match["start"], text), _minutes(match["end"], text)
        if start in (end, DAY_MINUTES):
            raise ValueError(f"{FORM}, and {text!r} holds no time: a whole day is 00:00-24:00")
        return cls(_days(match["days"], text), start, end if end > start else end + DAY_MINUTES)


def _days(text: str | None, whole: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        low, high = _day(first, whole), _day(last or first, whole)
        # Sat-Mon goes over the week's end.
        found |= {day % 7 for day in range(low, high + 1 if high >= low else high + 8)}
    return frozenset(found)


def _day(text: str, whole: str) -> int:
    day = text[:3].lower()
    if len(text) < 3 or day not in DAYS:
        raise ValueError(
            f"{FORM}, and {text!r} in {whole!r} is no day: give Mon, Tue, Wed, Thu, Fri, Sat, Sun"
        )
    return DAYS.index(day)


def _minutes(text: str, whole: str) -> int:
    hour, minute = map(int, text.split(":"))
    minutes = 60 * hour + minute
    if minute > 59 or minutes > DAY_MINUTES:
        raise ValueError(f"{FORM}, and {text!r} in {whole!r} is no time: give 00:00 to 24:00")
    return minutes
