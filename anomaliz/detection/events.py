"""Groups anomalous points into events."""

import numpy as np

from anomaliz.core.types import Flags
from anomaliz.core.verdict import Event, Verdicts, severity_of


def find_events(verdicts: Verdicts) -> list[Event]:
    """Return one event for each unbroken run of anomalous points, in time order."""
    return [_event(verdicts, start, end) for start, end in _runs(verdicts.anomaly)]


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Return the half-open `(start, end)` of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _event(verdicts: Verdicts, start: int, end: int) -> Event:
    peak = start + int(np.argmax(verdicts.surprise[start:end]))
    return Event(
        start=start,
        end=end,
        peak=peak,
        score=float(verdicts.score[peak]),
        severity=severity_of(float(verdicts.surprise[peak])),
        contributions=verdicts.contributions[start:end].mean(axis=0),
    )
