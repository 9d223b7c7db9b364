"""Wall clocks: what they show at a stamp, wherever they hang."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from anomaliz.core.types import Stamps

EPOCH = np.datetime64(0, "ns")
SLOT = np.timedelta64(15, "m")
"""Clocks are put forward and back at quarters of an hour only, so that one look per quarter is enough."""


def local_times(times: Stamps, zone: ZoneInfo) -> Stamps:
    """Return what a wall clock in `zone` shows at `times (n,)`: stamps without a zone, `(n,)`."""
    slots, slot_of = np.unique((times - EPOCH) // SLOT, return_inverse=True)
    offsets = np.array([_offset(int(slot), zone) for slot in slots], dtype="timedelta64[s]")
    local: Stamps = times + offsets[slot_of]
    return local


def _offset(slot: int, zone: ZoneInfo) -> np.timedelta64:
    offset = datetime.fromtimestamp(900 * slot, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return np.timedelta64(round(offset.total_seconds()), "s")
