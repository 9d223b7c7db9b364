"""Groups anomalous points into events.

Where there are alerts an event is opened by one and lasts while points are anomalous; otherwise every run of
anomalous points is an event.
"""

import numpy as np

from anomaliz.core.types import Flags
from anomaliz.core.verdict import Event, Verdicts, severity_of
from anomaliz.metrics.events import runs


def find_events(verdicts: Verdicts) -> list[Event]:
    """Return the events among `verdicts`, in time order."""
    if verdicts.alert is None:
        return [_event(verdicts, start, end) for start, end in runs(verdicts.anomaly)]
    lasting = runs(verdicts.anomaly | verdicts.alert)
    opened = [(start + _first(verdicts.alert[start:end]), end) for start, end in lasting]
    return [_event(verdicts, start, end) for start, end in opened if start < end]


def _first(flags: Flags) -> int:
    """Return the position of the first True, or the length where there is none."""
    return int(np.argmax(flags)) if flags.any() else len(flags)


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
