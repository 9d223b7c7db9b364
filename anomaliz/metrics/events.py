"""How well flags find labelled events: whole runs of points instead of each point by itself."""

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import DAY
from anomaliz.core.types import Flags, Floats


def runs(flags: Flags) -> list[tuple[int, int]]:
    """Return the half-open `(start, end)` of every unbroken run of True in `flags (n,)`, in order."""
    edges = np.flatnonzero(np.diff(np.asarray(flags, dtype=np.int8), prepend=0, append=0))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def detection_delays(labels: Flags, flags: Flags) -> Floats:
    """Return each labelled event's delay `(n_events,)`: rows from its start to the first flag inside it.

    NaN for an event without a flag. Raises DataError for unequal lengths.
    """
    labels, flags = _alike(labels, flags)
    delays = [_delay(flags[start:end]) for start, end in runs(labels)]
    return np.array(delays, dtype=np.float64)


def event_recall(labels: Flags, flags: Flags) -> float:
    """Return the share of the labelled events with a flag inside, NaN without events.

    One flag is enough, so flagging much finds all: read it beside `false_alarms`. Raises DataError for
    unequal lengths.
    """
    delays = detection_delays(labels, flags)
    return float(np.isfinite(delays).mean()) if len(delays) else float("nan")


def false_alarms(labels: Flags, flags: Flags) -> int:
    """Return the number of runs of flags that touch no labelled row; DataError for unequal lengths."""
    labels, flags = _alike(labels, flags)
    return sum(not labels[start:end].any() for start, end in runs(flags))


def false_alarms_per_day(labels: Flags, flags: Flags, step: np.timedelta64) -> float:
    """Return the false alarms over the time that all rows span, one `step` each; NaN without rows.

    Raises DataError for a step that is not positive or unequal lengths.
    """
    if not step > np.timedelta64(0):
        raise DataError(f"step must be a positive duration, got {step}", field="step")
    count = false_alarms(labels, flags)
    days = len(flags) * (step / DAY)
    return float(count / days) if days else float("nan")


def _alike(labels: Flags, flags: Flags) -> tuple[Flags, Flags]:
    labels, flags = np.asarray(labels, dtype=np.bool_), np.asarray(flags, dtype=np.bool_)
    if labels.ndim != 1 or labels.shape != flags.shape:
        raise DataError(f"labels and flags must be alike in length, got {labels.shape} and {flags.shape}")
    return labels, flags


def _delay(flags: Flags) -> float:
    return float(np.argmax(flags)) if flags.any() else float("nan")
