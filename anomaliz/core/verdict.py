"""What scoring says: a verdict for each point, and events made of points."""

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.score import score_of
from anomaliz.core.types import Flags, Floats, Stamps

Severity = Literal["low", "medium", "critical"]

FUSED = "fused"
"""Name of all members of a profile together, beside the names of each."""

MEDIUM_SURPRISE = 4.0
CRITICAL_SURPRISE = 6.0


def severity_of(surprise: float) -> Severity:
    """Grade an event by its peak's surprise alone, so that a threshold never changes a grade."""
    if surprise >= CRITICAL_SURPRISE:
        return "critical"
    return "medium" if surprise >= MEDIUM_SURPRISE else "low"


class Status(IntEnum):
    """How far a point's verdict can be trusted. Missing data is never health."""

    ok = 0
    degraded = 1
    """Scored, though values of its window were missing and earlier ones stand for them."""
    warming_up = 2
    """Not scored: fewer rows before it than a window needs."""
    no_data = 3
    """Not scored: the point itself is missing, or too much before it."""


@dataclass(frozen=True)
class ScoringState:
    """What a later call of `Bundle.score` needs of the rows before it."""

    rows: Floats
    """The newest rows as they were given, NaN = missing, `(k, n_features)`."""
    last: np.datetime64 | None = None
    """Stamp of the newest row, where the series has stamps."""
    series: object | None = None
    """What the series profile keeps, where it scored; only the bundle looks inside."""


@dataclass(frozen=True)
class Verdicts:
    """Verdicts of `n` points, as arrays. Where `status` is not scored, readings are NaN."""

    features: tuple[str, ...]
    detectors: tuple[str, ...]
    profile: str
    threshold: float
    times: Stamps | None
    """`(n,)`, or None for a series without stamps."""
    status: NDArray[np.int8]
    """`(n,)` of `Status`."""
    surprise: Floats
    """Fused surprise, `(n,)`."""
    detector_surprise: Floats
    """`(n, n_detectors)`."""
    detector_weight: Floats
    """Each detector's weight in the fusion, `(n_detectors,)`, summing to 1."""
    observed: Floats
    """`(n, n_features)`, NaN = missing."""
    expected: Floats
    expected_lower: Floats
    expected_upper: Floats
    contributions: Floats
    """`(n, n_features)`, each row summing to 1."""
    state: ScoringState
    rank_score: Floats | None = None
    alert_score: Floats | None = None
    alert: Flags | None = None

    def __len__(self) -> int:
        return len(self.surprise)

    @cached_property
    def score(self) -> Floats:
        """Unsmoothed score in [0, 1], `(n,)`."""
        return score_of(self.surprise)

    @cached_property
    def anomaly(self) -> Flags:
        """Whether each point's score reaches the threshold, `(n,)`; False where not scored."""
        return self.score >= self.threshold

    @cached_property
    def scored(self) -> Flags:
        """Whether each point has a score, `(n,)`."""
        return self.status <= Status.degraded

    def newest(self, n: int) -> "Verdicts":
        """Return the verdicts of the last `n` points."""
        if n == len(self):
            return self
        rows = slice(len(self) - n, None)
        return replace(
            self,
            times=_part(self.times, rows),
            status=self.status[rows],
            surprise=self.surprise[rows],
            detector_surprise=self.detector_surprise[rows],
            observed=self.observed[rows],
            expected=self.expected[rows],
            expected_lower=self.expected_lower[rows],
            expected_upper=self.expected_upper[rows],
            contributions=self.contributions[rows],
            rank_score=_part(self.rank_score, rows),
            alert_score=_part(self.alert_score, rows),
            alert=_part(self.alert, rows),
        )

    def leading_detector(self, i: int) -> str:
        """Return the detector that contributed most to point `i`'s fused surprise."""
        surprise = np.nan_to_num(self.detector_surprise[i], nan=-1.0)
        share = np.minimum(surprise, CRITICAL_SURPRISE) * self.detector_weight
        # Several at the cap contributed alike: the strangest of them leads.
        leader = int(np.lexsort((surprise, share))[-1])
        return self.detectors[leader]


def _part(readings: NDArray[Any] | None, rows: slice) -> NDArray[Any] | None:
    return None if readings is None else readings[rows]


@dataclass(frozen=True)
class Event:
    """A run of anomalous points: half-open rows `[start, end)` of the verdicts it came from."""

    start: int
    end: int
    peak: int
    """Row of the highest surprise."""
    score: float
    severity: Severity
    contributions: Floats
    """Mean contribution of each feature over the event, `(n_features,)`."""
