"""The calendar: which stamps are judged at all."""

from zoneinfo import ZoneInfo

from anomaliz.core.types import Flags, Stamps
from anomaliz.pipelines.definition import Calendar
from anomaliz.pipelines.policies.days_off import DaysOff
from anomaliz.pipelines.policies.hours import minutes_of_week, within
from anomaliz.pipelines.policies.maintenance import in_maintenance
from anomaliz.pipelines.policies.wall_clock import local_times


class JudgedTimes:
    """Stamps outside maintenance, not on holidays, and within the hours of the week."""

    def __init__(self, calendar: Calendar, timezone: str) -> None:
        """`timezone` is that of a calendar which names none."""
        self._timezone = calendar.timezone or timezone
        self._days_off = DaysOff(calendar.holidays) if calendar.holidays else None
        self._minutes = minutes_of_week(calendar.weekly) if calendar.hours else None
        self._maintenance = calendar.maintenance

    def flags(self, times: Stamps) -> Flags:
        """Return whether each of `times (n,)`, UTC and increasing, is judged."""
        judged: Flags = ~in_maintenance(times, self._maintenance, self._timezone)
        if self._days_off is None and self._minutes is None:
            return judged
        local = local_times(times, ZoneInfo(self._timezone))
        if self._days_off is not None:
            judged &= ~self._days_off.flags(local)
        if self._minutes is not None:
            judged &= within(self._minutes, local)
        return judged
