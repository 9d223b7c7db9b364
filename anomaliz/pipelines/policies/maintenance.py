"""Maintenance: times in which nothing is judged, once or again and again."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from anomaliz.core.types import Flags, Stamps
from anomaliz.pipelines.cron import parse_cron
from anomaliz.pipelines.definition import Maintenance, Period

A_MOMENT = timedelta(microseconds=1)


def in_maintenance(times: Stamps, windows: Sequence[Maintenance], timezone: str) -> Flags:
    """Return whether each of `times (n,)`, which increase, is in any of the windows."""
    flags = np.zeros(len(times), dtype=np.bool_)
    for window in windows if len(times) else ():
        if window.period is not None:
            flags |= in_period(times, window.period, timezone)
        else:
            flags |= _in_recurring(times, window, timezone)
    return flags


def in_period(times: Stamps, period: Period, timezone: str) -> Flags:
    """Return whether each of `times (n,)` is in the half-open period."""
    start, end = period.interval(timezone)
    flags: Flags = (times >= start) & (times < end)
    return flags


def _in_recurring(times: Stamps, window: Maintenance, timezone: str) -> Flags:
    """Return whether the newest fire before, or at, each stamp is less than the duration ago."""
    assert window.cron is not None
    assert window.duration is not None
    # Elapsed time: a window of two hours has two hours, on days that have 23 or 25 of them, too.
    duration = np.timedelta64(round(window.duration * 1e9), "ns")
    begun = list(_fires(parse_cron(window.cron).trigger(timezone), times[0] - duration, times[-1]))
    fires = np.array(begun, dtype="datetime64[us]").astype("datetime64[ns]")
    newest = np.searchsorted(fires, times, side="right") - 1
    flags = newest >= 0
    flags[flags] = times[flags] - fires[newest[flags]] < duration
    return flags


def _fires(trigger: Any, start: np.datetime64, end: np.datetime64) -> Iterator[datetime]:
    """Yield when `trigger` fires in [start, end], UTC without a zone."""
    now = _aware(start)
    while (fire := trigger.get_next_fire_time(None, now)) is not None and fire <= _aware(end):
        # On in UTC: by the clock on the wall an hour that comes twice would never end.
        now = fire.astimezone(UTC) + A_MOMENT
        yield fire.astimezone(UTC).replace(tzinfo=None)


def _aware(stamp: np.datetime64) -> datetime:
    naive: datetime = stamp.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)
