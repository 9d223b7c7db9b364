"""An incident: what there is to explain, a point or an event that was judged anomalous."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from anomaliz.core.score import MAX_SURPRISE
from anomaliz.core.stamps import parse_stamps
from anomaliz.core.types import Floats
from anomaliz.core.verdict import Severity, severity_of

NO_VALUES: Floats = np.empty(0)
Answer = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Reading:
    """One feature's part in an incident; NaN is unknown."""

    feature: str
    contribution: float
    """Share of the anomaly; all shares sum to 1."""
    observed: float = np.nan
    expected: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    recent: Floats = field(default_factory=lambda: NO_VALUES)
    """The newest values, oldest first, that of the incident last, `(n,)`, NaN = missing; empty = unknown."""


@dataclass(frozen=True)
class PastEvent:
    """An event of the past, with what people said of it."""

    start: str
    feature: str | None = None
    """Where it showed most."""
    severity: Severity | None = None
    kind: str | None = None
    feedback: str | None = None


@dataclass(frozen=True, eq=False)
class Incident:
    """A verdict or an event with what is known around it."""

    score: float
    """In [0, 1], 0.3 is one in a thousand normal points; of an event, the peak's."""
    readings: tuple[Reading, ...]
    """Largest contribution first, at least one."""
    threshold: float | None = None
    anomaly: bool = True
    stamp: np.datetime64 | None = None
    """When, UTC; of an event, its start."""
    step: np.timedelta64 | None = None
    points: int | None = None
    """Rows of the event, where it is one."""
    detector: str | None = None
    """The one that contributed most."""
    history: tuple[PastEvent, ...] = ()

    @property
    def severity(self) -> Severity:
        """The grade by the score alone."""
        return severity_of(self.score * MAX_SURPRISE)

    @classmethod
    def of_verdict(
        cls,
        verdict: Answer,
        recent: Mapping[str, Floats] | None = None,
        step: np.timedelta64 | None = None,
        history: Sequence[PastEvent] = (),
    ) -> Self:
        """Return the incident of an answer of /analyze; `recent` has the newest values of its features."""
        stamp = verdict.get("timestamp")
        return cls(
            score=_float(verdict["score"]),
            threshold=verdict["threshold"],
            anomaly=bool(verdict["anomaly"]),
            readings=_readings(verdict["contributions"], recent or {}),
            stamp=None if stamp is None else parse_stamps([stamp])[0],
            step=step,
            detector=verdict.get("model_used"),
            history=tuple(history),
        )

    @classmethod
    def of_event(
        cls,
        event: Answer,
        recent: Mapping[str, Floats] | None = None,
        step: np.timedelta64 | None = None,
        history: Sequence[PastEvent] = (),
    ) -> Self:
        """Return the incident of an event of /detect; `recent` has the values up to its last row."""
        shares = {name: {"contribution": share} for name, share in event["contributions"].items()}
        start = event["start"]
        return cls(
            score=_float(event["score"]),
            readings=_readings(shares, recent or {}),
            stamp=parse_stamps([start])[0] if isinstance(start, str) else None,
            step=step,
            points=event["points"],
            history=tuple(history),
        )


def _readings(shares: Mapping[str, Answer], recent: Mapping[str, Floats]) -> tuple[Reading, ...]:
    readings = [
        Reading(
            feature=feature,
            contribution=_float(part["contribution"]),
            observed=_float(part.get("observed")),
            expected=_float(part.get("expected")),
            lower=_float(part.get("expected_lower")),
            upper=_float(part.get("expected_upper")),
            recent=recent.get(feature, NO_VALUES),
        )
        for feature, part in shares.items()
    ]
    return tuple(sorted(readings, key=lambda reading: -np.nan_to_num(reading.contribution)))


def _float(value: float | None) -> float:
    return np.nan if value is None else float(value)
