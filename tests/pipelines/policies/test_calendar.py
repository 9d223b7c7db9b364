"""Which stamps are judged, by clocks that are put forward and back and by holidays wherever they fall."""

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from anomaliz.core.types import Stamps
from anomaliz.pipelines.definition import Calendar
from anomaliz.pipelines.policies.calendar import JudgedTimes
from anomaliz.pipelines.policies.wall_clock import local_times

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]


def stamps(start: str, end: str, step: str = "30m") -> Stamps:
    return pd.date_range(start, end, freq=step.replace("m", "min"), inclusive="left").to_numpy(
        "datetime64[ns]"
    )


def judged(times: Stamps, zone: str = "UTC", /, **calendar: Any) -> list[str]:
    """Return those of `times` that are judged."""
    flags = JudgedTimes(Calendar.model_validate(calendar), zone).flags(times)
    return [str(stamp)[5:16] for stamp in times[flags]]


@pytest.mark.parametrize("zone", ZONES)
def test_wall_clocks_show_what_pandas_says(zone: str) -> None:
    times = stamps("2025-12-25", "2027-01-05", "15m") + np.timedelta64(123_456_789, "ns")
    expected = pd.DatetimeIndex(times, tz="UTC").tz_convert(zone).tz_localize(None).to_numpy()
    np.testing.assert_array_equal(local_times(times, ZoneInfo(zone)), expected)


def test_without_a_calendar_every_stamp_is_judged() -> None:
    times = stamps("2026-01-01", "2026-01-03")
    assert len(judged(times)) == len(times)
    assert judged(times[:0], holidays=["DE"], hours=["Mon 08:00-09:00"]) == []


def test_hours_are_half_open_and_of_the_zone() -> None:
    times = stamps("2026-01-09", "2026-01-12")  # Friday to Sunday
    hours = ["Mon-Fri 08:00-09:00"]
    assert judged(times, hours=hours) == ["01-09T08:00", "01-09T08:30"]
    assert judged(times, "Asia/Kolkata", hours=hours) == ["01-09T02:30", "01-09T03:00"]
    # The calendar's zone goes before the pipeline's.
    assert judged(times, "UTC", hours=hours, timezone="Asia/Kathmandu") == ["01-09T02:30", "01-09T03:00"]


def test_hours_over_midnight_belong_to_the_day_on_which_they_start() -> None:
    times = stamps("2026-01-11T20:00", "2026-01-13T08:00", "60m")  # Sunday evening to Tuesday morning
    assert judged(times, hours=["Mon 22:00-02:00"]) == [
        "01-12T22:00",
        "01-12T23:00",
        "01-13T00:00",
        "01-13T01:00",
    ]
    # Sunday's end is in Monday, which is at the other end of the week.
    assert judged(times, hours=["Sun 23:00-01:00"]) == ["01-11T23:00", "01-12T00:00"]


def test_hours_keep_to_the_clock_on_the_wall_when_it_is_put_forward() -> None:
    for day, utc in (("2026-03-28", "07"), ("2026-03-29", "06")):
        times = stamps(f"{day}T00:00", f"{day}T23:59", "60m")
        assert judged(times, "Europe/Berlin", hours=["08:00-09:00"]) == [f"{day[5:]}T{utc}:00"]


def test_an_hour_that_comes_twice_is_judged_twice_and_one_that_never_comes_is_not() -> None:
    autumn = stamps("2026-10-24T22:00", "2026-10-25T06:00")
    assert judged(autumn, "Europe/Berlin", hours=["02:00-03:00"]) == [
        "10-25T00:00",
        "10-25T00:30",
        "10-25T01:00",
        "10-25T01:30",
    ]
    spring = stamps("2026-03-28T22:00", "2026-03-29T06:00")
    assert judged(spring, "Europe/Berlin", hours=["02:00-03:00"]) == []


def test_several_hours_add_up() -> None:
    times = stamps("2026-01-09", "2026-01-11", "60m")
    hours = ["Fri 08:00-09:00", "Sat,Sun 10:00-11:00", "12:00-13:00"]
    assert judged(times, hours=hours) == ["01-09T08:00", "01-09T12:00", "01-10T10:00", "01-10T12:00"]


def test_holidays_are_days_of_the_zone() -> None:
    times = stamps("2025-12-31T12:00", "2026-01-02T12:00", "60m")
    off = {str(stamp)[5:16] for stamp in times} - set(judged(times, "Europe/Berlin", holidays=["DE"]))
    assert "12-31T23:00" in off
    assert len(off) == 24
    assert "12-31T22:00" not in off
    assert "01-01T23:00" not in off


def test_parts_of_a_country_have_holidays_of_their_own() -> None:
    epiphany = stamps("2026-01-06", "2026-01-07", "720m")
    assert len(judged(epiphany, holidays=["DE-BY"])) == 0
    assert len(judged(epiphany, holidays=["DE-BE"])) == 2
    assert len(judged(epiphany, holidays=["DE-BE", "AT"])) == 0


def test_a_holiday_on_a_weekend_is_kept_and_where_it_is_moved_so_is_the_day() -> None:
    # 4 July 2026 is a Saturday; in the United States Friday is off for it.
    days = stamps("2026-07-02", "2026-07-06", "1440m")
    assert judged(days, holidays=["US"]) == ["07-02T00:00", "07-05T00:00"]
    # 3 October 2026 is a Saturday; in Germany it stays one.
    days = stamps("2026-10-02", "2026-10-06", "1440m")
    assert judged(days, holidays=["DE"]) == ["10-02T00:00", "10-04T00:00", "10-05T00:00"]


def test_dates_of_ones_own_are_holidays() -> None:
    days = stamps("2026-12-23", "2026-12-26", "1440m")
    assert judged(days, holidays=["2026-12-24"]) == ["12-23T00:00", "12-25T00:00"]


def test_maintenance_from_start_until_end_is_not_judged() -> None:
    times = stamps("2026-01-09T08:00", "2026-01-09T12:00", "60m")
    window = {"start": "2026-01-09T09:00:00", "end": "2026-01-09T11:00:00"}
    assert judged(times, maintenance=[window]) == ["01-09T08:00", "01-09T11:00"]
    # Without a zone its stamps are of the pipeline's, with one they are what they say.
    berlin = judged(times, "Europe/Berlin", maintenance=[window])
    assert berlin == ["01-09T10:00", "01-09T11:00"]
    zoned = {name: f"{stamp}Z" for name, stamp in window.items()}
    assert judged(times, "Europe/Berlin", maintenance=[zoned]) == ["01-09T08:00", "01-09T11:00"]


def test_maintenance_that_recurs_goes_over_midnight() -> None:
    times = stamps("2026-01-11T22:00", "2026-01-12T03:00", "60m")
    window = {"cron": "0 23 * * sun", "duration": "2h"}
    assert judged(times, maintenance=[window]) == ["01-11T22:00", "01-12T01:00", "01-12T02:00"]


def test_maintenance_lasts_as_long_on_the_days_on_which_clocks_are_changed() -> None:
    window = {"cron": "0 1 * * *", "duration": "3h"}
    for first, begins in (("2026-03-29", "00"), ("2026-10-25", "23"), ("2026-06-01", "23")):
        start = pd.Timestamp(first) - pd.Timedelta("4h")
        times = stamps(str(start), str(start + pd.Timedelta("12h")), "60m")
        off = [
            str(one)[5:16]
            for one in times
            if str(one)[5:16] not in judged(times, "Europe/Berlin", maintenance=[window])
        ]
        assert off[0][6:8] == begins
        assert len(off) == 3


def test_maintenance_that_begins_again_before_it_ends_goes_on() -> None:
    times = stamps("2026-01-11T00:00", "2026-01-11T06:00", "60m")
    assert judged(times, maintenance=[{"cron": "0 * * * *", "duration": "90m"}]) == []


def test_in_an_hour_that_comes_twice_maintenance_does_too() -> None:
    times = stamps("2026-10-24T23:30", "2026-10-25T02:30", "15m")
    window = {"cron": "30 2 * * *", "duration": "30m"}
    off = {stamp[6:] for stamp in judged(times)} - {
        stamp[6:] for stamp in judged(times, "Europe/Berlin", maintenance=[window])
    }
    assert off == {"00:30", "00:45", "01:30", "01:45"}


def test_judging_in_parts_is_judging_at_once() -> None:
    calendar = Calendar.model_validate(
        {
            "holidays": ["DE-BY", "2026-03-30"],
            "hours": ["Mon-Fri 07:00-19:00", "Sat 22:00-03:00"],
            "maintenance": [{"cron": "15 */6 * * *", "duration": "100m"}],
            "timezone": "Europe/Berlin",
        }
    )
    times = stamps("2026-03-20", "2026-04-10", "15m")
    whole = JudgedTimes(calendar, "UTC").flags(times)
    assert 0.1 < whole.mean() < 0.9
    one_by_one = [JudgedTimes(calendar, "UTC").flags(times[i : i + 1])[0] for i in range(0, len(times), 7)]
    np.testing.assert_array_equal(whole[::7], one_by_one)
