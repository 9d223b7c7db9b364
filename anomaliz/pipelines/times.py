"""Stamps and lengths of time on a pipeline's grid: multiples of its step since the epoch."""

import time
from datetime import UTC, datetime
from typing import cast

import numpy as np

EPOCH = np.datetime64(0, "ns")


def utc_now() -> np.datetime64:
    """Return the time, UTC in nanoseconds."""
    return np.datetime64(time.time_ns(), "ns")


def ns(seconds: float) -> np.timedelta64:
    """Return `seconds` in nanoseconds."""
    return np.timedelta64(round(seconds * 1e9), "ns")


def seconds(length: np.timedelta64) -> float:
    """Return a length of time in seconds."""
    return float(length / np.timedelta64(1, "s"))


def floor(stamp: np.datetime64, step: np.timedelta64) -> np.datetime64:
    """Return the last stamp of the grid that is not after `stamp`."""
    return cast(np.datetime64, EPOCH + (stamp.astype("datetime64[ns]") - EPOCH) // step * step)


def as_datetime(stamp: np.datetime64) -> datetime:
    """Return a stamp as a datetime in UTC, to the next microsecond."""
    whole = ceiling(stamp, np.timedelta64(1000, "ns"))
    return cast(datetime, whole.astype("datetime64[us]").item()).replace(tzinfo=UTC)


def as_stamp(moment: datetime, step: np.timedelta64) -> np.datetime64:
    """Return the first stamp of the grid that is not before a moment."""
    return ceiling(np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "ns"), step)


def ceiling(stamp: np.datetime64, step: np.timedelta64) -> np.datetime64:
    """Return the first stamp of the grid that is not before `stamp`."""
    return cast(np.datetime64, EPOCH - (EPOCH - stamp.astype("datetime64[ns]")) // step * step)
