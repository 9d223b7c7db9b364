"""Schedules as cron writes them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.pipelines.cron import Cron

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def fires(text: str, n: int, *, start: datetime = START, timezone: str = "UTC") -> list[str]:
    trigger = Cron.parse(text).trigger(timezone)
    found, now = [], start
    for _ in range(n):
        fire = trigger.get_next_fire_time(None, now)
        found.append(f"{fire:%a %d %b %H:%M}")
        now = fire + timedelta(seconds=1)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * *", ["Thu 01 Jan 00:00", "Thu 01 Jan 00:20", "Thu 01 Jan 00:40"]),
        ("5/30 6 * * *", ["Thu 01 Jan 06:05", "Thu 01 Jan 06:35", "Fri 02 Jan 06:05"]),
        ("0 9 * * 1", ["Mon 05 Jan 09:00", "Mon 12 Jan 09:00"]),
        ("0 9 * * 0", ["Sun 04 Jan 09:00", "Sun 11 Jan 09:00"]),
        ("0 9 * * 7", ["Sun 04 Jan 09:00", "Sun 11 Jan 09:00"]),
        ("0 9 * * sat-7", ["Sat 03 Jan 09:00", "Sun 04 Jan 09:00"]),
        ("0 9 * * Mon,WED", ["Mon 05 Jan 09:00", "Wed 07 Jan 09:00"]),
        ("0 0 1-31/10 feb *", ["Sun 01 Feb 00:00", "Wed 11 Feb 00:00", "Sat 21 Feb 00:00"]),
        # Both kinds of day are restricted, so one is enough.
        ("0 0 13 * 5", ["Fri 02 Jan 00:00", "Fri 09 Jan 00:00", "Tue 13 Jan 00:00", "Fri 16 Jan 00:00"]),
        ("0 0 */2 * 5", ["Fri 09 Jan 00:00", "Fri 23 Jan 00:00"]),
    ],
)
def test_it_fires_as_cron_would(text: str, expected: list[str]) -> None:
    assert fires(text, len(expected)) == expected


def test_its_hours_are_those_of_the_zone() -> None:
    assert fires("30 9 * * *", 1, timezone="Asia/Kolkata") == ["Thu 01 Jan 09:30"]
    trigger = Cron.parse("30 9 * * *").trigger("Asia/Kolkata")
    assert trigger.get_next_fire_time(None, START) == START.replace(hour=4)


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)]
)
def test_it_fires_evenly_when_the_clocks_change(day: datetime) -> None:
    trigger = Cron.parse("*/5 * * * *").trigger("Europe/Berlin")
    fire = trigger.get_next_fire_time(None, day)
    for _ in range(120):
        # As the scheduler does it, a moment after each.
        now = fire.astimezone(UTC) + timedelta(milliseconds=50)
        later = trigger.get_next_fire_time(fire, now)
        assert later.astimezone(UTC) - fire.astimezone(UTC) == timedelta(minutes=5)
        fire = later


def test_jitter_is_at_most_what_was_asked() -> None:
    trigger = Cron.parse("0 * * * *").trigger("UTC", 30.0)
    late = [(trigger.get_next_fire_time(None, START) - START).total_seconds() for _ in range(50)]
    assert len(set(late)) > 1
    assert min(late) >= 0
    assert max(late) <= 30


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        ("2-59/5 * * * *", 5),
        ("0 */6 * * *", 360),
        ("0 3 * * *", 1440),
        ("0 9 * * 1", 7 * 1440),
        ("0,30 * * * *", 30),
        ("*/7 * * * *", None),
        ("0 9 * * 1-5", None),
        ("0 0 1 * *", None),
        ("*/5 8-18 * * *", None),
    ],
)
def test_the_interval_is_the_one_gap_between_fires(text: str, minutes: int | None) -> None:
    assert Cron.parse(text).interval == minutes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * * *", "must be a cron line of 5 fields, got 4"),
        ("0 * * * * *", "must be a cron line of 5 fields, got 6"),
        ("@daily", "must be a cron line of 5 fields, got 1"),
        ("60 * * * *", "whose minute is from 0 to 59, got '60'"),
        ("* 24 * * *", "whose hour is from 0 to 23, got '24'"),
        ("* * 0 * *", "whose day of month is from 1 to 31, got '0'"),
        ("* * * 13 *", "whose month is from 1 to 12, got '13'"),
        ("* * * * 8", "whose day of week is from 0 to 7, got '8'"),
        ("* * * * mond", "whose day of week is from 0 to 7, got 'mond'"),
        ("-5 * * * *", "its minute '-5' is none"),
        ("*/0 * * * *", "its minute '*/0' holds nothing"),
        ("9-5 * * * *", "its minute '9-5' holds nothing"),
        ("1,, * * * *", "its minute '' is none"),
        ("*-5 * * * *", "its minute '*-5' is none"),
        ("0 0 30 2 *", "of days that exist"),
        ("0 0 31 4,6,9,11 *", "of days that exist"),
    ],
)
def test_what_is_no_cron_line_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a cron line") as caught:
        Cron.parse(text)
    assert message in str(caught.value)


numbers = st.tuples(
    st.integers(0, 59), st.integers(0, 23), st.integers(1, 28), st.integers(1, 12), st.integers(0, 6)
)


@given(numbers, st.sets(st.integers(0, 4), max_size=4))
def test_the_trigger_fires_on_the_days_and_minutes_that_it_names(
    values: tuple[int, ...], free: set[int]
) -> None:
    cron = Cron.parse(" ".join("*" if i in free else str(value) for i, value in enumerate(values)))
    fire = cron.trigger().get_next_fire_time(None, START)
    assert cron.falls_on(fire.date())
    assert 60 * fire.hour + fire.minute in cron.minutes_of_day
    days = (date(2026, 1, 1) + timedelta(days=n) for n in range((fire.date() - START.date()).days))
    assert not any(map(cron.falls_on, days))
