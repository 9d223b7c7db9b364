"""The alert reading: sparse, so that it can wake somebody."""

from dataclasses import dataclass

import numpy as np

from anomaliz.core.types import Floats

STEP_UP = 0.5
"""Surprise by which a reading must exceed the last alert's to be worth another within the quiet time."""
FLOOR = 1.0
"""Surprise from which on a reading can be an alert at all."""
ROUNDING = 1e-6
"""Differences below are none."""


@dataclass(frozen=True)
class AlertState:
    """What the rule remembers."""

    recent: Floats
    """Readings of the last `quiet` rows, oldest first, `(k,)`."""
    since: int
    """Rows since the last alert reading."""
    last: float
    """That reading."""

    @classmethod
    def none(cls) -> "AlertState":
        return cls(np.empty(0), 0, -np.inf)


def alert_scores(fused: Floats, quiet: int, state: AlertState) -> tuple[Floats, AlertState]:
    """Return the alert reading of `fused (n,)`: the surprise itself where it is news, else 0.

    It is news when it is higher than every reading of the last `quiet` rows and, if one of those was news
    already, by STEP_UP. So an anomaly opens one alert and another only when it has become clearly worse,
    whatever threshold is put on the reading. NaN is no reading and passes time.
    """
    scores = np.zeros(len(fused))
    before = np.concatenate([np.full(max(quiet - len(state.recent), 0), -np.inf), state.recent])
    readings = np.concatenate([before[len(before) - quiet :], np.nan_to_num(fused, nan=-np.inf)])
    highest = np.lib.stride_tricks.sliding_window_view(readings, quiet)[:-1].max(axis=1)
    since, last = state.since, state.last
    done = 0
    for row in np.flatnonzero((fused > highest + ROUNDING) & (fused >= FLOOR)):
        since += int(row) - done
        done = int(row)
        if since > quiet or fused[row] >= last + STEP_UP:
            scores[row] = last = float(fused[row])
            since = 0
    return scores, AlertState(readings[len(readings) - quiet :], since + len(fused) - done, last)
