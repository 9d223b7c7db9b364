"""Stamps: the instants of a series, UTC and to the nanosecond, from what people write."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from reprlib import repr as short

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats, Stamps

LONGEST_STEP = int(np.iinfo(np.int64).max)
"""In nanoseconds: 292 years."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = np.timedelta64(1, "D")
UNITS = ("s", "ms", "us", "ns")
MILLISECONDS_BEYOND = 1e11
"""Epoch numbers beyond this are milliseconds: as seconds they would lie after the year 5138."""


def parse_stamps(values: Sequence[object], *, field: str = "timestamps") -> Stamps:
    """Return the instants `(n,)` that `values` name, in their order.

    A value is ISO-8601 text, a datetime, or an epoch number: seconds, as Prometheus sends, or
    milliseconds beyond 1e11. Without a zone it is UTC. What is finer than a microsecond is cut off.
    Raises DataError with the position of a value that is none of these or not of the years 1678 to
    2261, and where stamps with and without a zone are mixed; a number has a zone.
    """
    nanoseconds = np.empty(len(values), dtype=np.int64)
    zoned = np.empty(len(values), dtype=np.bool_)
    for position, value in enumerate(values):
        try:
            nanoseconds[position], zoned[position] = _instant(value)
        except (ValueError, OverflowError):
            raise DataError(
                f"{field} must be ISO-8601 text or epoch seconds of the years 1678 to 2261, "
                f"got {short(value)} at position {position}",
                field=field,
            ) from None
    _refuse_mixed_zones(zoned, field)
    return nanoseconds.view("datetime64[ns]")


def require_increasing(times: Stamps, field: str = "timestamps") -> None:
    """Raise DataError at the first of `times (n,)` that is not later than the one before."""
    backward = times[1:] <= times[:-1]
    if not backward.any():
        return
    position = int(np.argmax(backward)) + 1
    stamp = np.datetime_as_string(times[position], unit="auto")
    if times[position] == times[position - 1]:
        fault = f"repeats {stamp} at position {position}: keep one row for each stamp"
    else:
        fault = f"goes back to {stamp} at position {position}: sort the rows by time, with zones"
    raise DataError(f"{field} must increase, but {fault}", field=field)


def infer_step(times: Stamps) -> np.timedelta64:
    """Return the sampling interval of `times (n,)`, their median distance; DataError below two rows."""
    if len(times) < 2:
        raise DataError(f"a step can be told from two rows or more, got {len(times)}: give a longer series")
    median = round(float(np.median(nanoseconds_apart(times))))
    return np.timedelta64(min(median, LONGEST_STEP), "ns")


def rows_a_day(step: np.timedelta64 | None) -> int:
    """Return how many rows `step` apart make a day; 0 where that is unknown, or less than two."""
    if step is None or step <= np.timedelta64(0):
        return 0
    rows = round(float(DAY / step))
    return rows if rows >= 2 else 0


def nanoseconds_apart(times: Stamps) -> Floats:
    """Return the distances between neighbours of increasing `times (n,)`, `(n - 1,)`."""
    # Unsigned, since two stamps can be 584 years apart and a signed difference ends at 292.
    apart = np.diff(times.astype("datetime64[ns]").view(np.int64)).view(np.uint64)
    return apart.astype(np.float64)


def stamps_text(times: Stamps) -> list[str]:
    """Return `times (n,)` as ISO-8601 text in UTC, in the coarsest unit that loses nothing."""
    nanoseconds = times.astype("datetime64[ns]").view(np.int64)
    unit = next(unit for unit in UNITS if not (nanoseconds % (10 ** (9 - 3 * UNITS.index(unit)))).any())
    texts: list[str] = np.datetime_as_string(times.astype(f"datetime64[{unit}]"), timezone="UTC").tolist()
    return texts


def _instant(value: object) -> tuple[int, bool]:
    """Return nanoseconds since the epoch, and whether the value says its zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value), True
    raise ValueError


def _from_datetime(value: datetime) -> tuple[int, bool]:
    zoned = value.utcoffset() is not None
    aware = value if zoned else value.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND * 1000, zoned


def _from_epoch(value: float) -> int:
    if not math.isfinite(value):
        raise ValueError
    microseconds = 1000 if abs(value) > MILLISECONDS_BEYOND else 1_000_000
    return round(value * microseconds) * 1000


def _refuse_mixed_zones(zoned: Flags, field: str) -> None:
    if zoned.any() and not zoned.all():
        position = int(np.argmax(zoned != zoned[0]))
        raise DataError(
            f"{field} must all have a zone or all have none, and differ from position {position} on",
            field=field,
        )
