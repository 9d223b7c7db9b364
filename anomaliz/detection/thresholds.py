"""From which score on a point is an anomaly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from anomaliz.core.score import MAX_SURPRISE, score_of
from anomaliz.core.types import Flags, Floats
from anomaliz.detection.calibration import Tail
from anomaliz.metrics.classification import best_f1_plateau, precision_recall_f1

PLATEAU = 0.03
"""Share of the best F1 within which thresholds count as equally good."""

ALARM_POINTS = 10
"""Points that a false alarm of a reading with a memory lasts at most, on average."""


@dataclass(frozen=True)
class Decision:
    """A threshold and where it came from."""

    threshold: float
    chosen_by: Literal["f1", "alert_budget"]
    alert_budget: float
    """Points per false alarm that was asked for."""
    extrapolated: bool
    """The budget is rarer than the calibration data could show."""
    validation_f1: float | None = None

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        return cls(**state)


def decide(
    tail: Tail, surprise: Floats, labels: Flags | None, alert_budget: float, most: float = MAX_SURPRISE
) -> Decision:
    """Choose the threshold of what `tail` calibrates, from validation's `surprise (n,)` and `labels (n,)`.

    F1 decides where there are labelled anomalies and it tells them from anything; else the budget. The
    threshold is the middle of the plateau around the best F1: a few anomalies cannot tell its thresholds
    apart, and its edge would be an accident. `most` is the highest surprise that can come out.
    """
    by_f1 = _by_f1(surprise, labels, alert_budget)
    return by_f1 or from_alert_budget(tail, alert_budget, most)


def decide_runs(surprise: Floats, labels: Flags | None, alert_budget: float) -> Decision:
    """Choose the threshold of a reading that has a memory, from its `surprise (n,)` and `labels (n,)`.

    As `decide`, but the budget counts unbroken runs above the threshold: with a memory, one false alarm is
    several points long.
    """
    return _by_f1(surprise, labels, alert_budget) or from_run_budget(surprise, alert_budget)


def from_run_budget(surprise: Floats, points_per_alarm: float) -> Decision:
    """Return the lowest threshold that normal `surprise (n,)` reaches once in `points_per_alarm` points.

    A reading with a long memory would reach even a low one seldom, but for long: so not more than
    ALARM_POINTS times as many points may lie above it either, by the calibration of the surprise. The
    strangest of points reaches it whatever the budget.
    """
    score = score_of(surprise)
    before = np.concatenate([[-np.inf], score[:-1]])
    rising = score > before
    # A row opens a run at every threshold above the row before it and up to itself.
    starts, ends = np.sort(before[rising]), np.sort(score[rising])
    candidates = np.append(ends, np.nextafter(ends[-1], np.inf)) if len(ends) else np.zeros(1)
    opened = np.searchsorted(starts, candidates, "left") - np.searchsorted(ends, candidates, "left")
    too_many = np.flatnonzero(opened > len(score) / points_per_alarm)
    lowest = candidates[int(too_many[-1]) + 1 if len(too_many) else 0]
    fewest_points = score_of(np.log10(np.array(points_per_alarm / ALARM_POINTS)))
    extrapolated = points_per_alarm > len(score)
    threshold = min(float(max(lowest, fewest_points)), float(score_of(np.array(MAX_SURPRISE))))
    return Decision(threshold, "alert_budget", points_per_alarm, extrapolated)


def from_labels(surprise: Floats, labels: Flags | None) -> float | None:
    """Return the threshold that F1 chooses: the middle of the plateau around the best of `labels (n,)`.

    None without a labelled anomaly, and where `surprise (n,)` tells none from the rest, so that the best
    were to flag everything.
    """
    if labels is None or not labels.any():
        return None
    score = score_of(surprise)
    threshold = float(np.mean(best_f1_plateau(labels, score, PLATEAU)))
    return None if (score >= threshold).all() else threshold


def _by_f1(surprise: Floats, labels: Flags | None, alert_budget: float) -> Decision | None:
    threshold = from_labels(surprise, labels)
    if labels is None or threshold is None:
        return None
    f1 = precision_recall_f1(labels, score_of(surprise) >= threshold).f1
    return Decision(threshold, "f1", alert_budget, extrapolated=False, validation_f1=f1)


def from_alert_budget(tail: Tail, points_per_alarm: float, most: float = MAX_SURPRISE) -> Decision:
    """Read off the threshold that normal data reaches once in `points_per_alarm` points.

    The score is calibrated, so this is the definition of its scale. A budget rarer than can come out gets
    the rarest that can, so that the strangest of points still reaches the threshold.
    """
    surprise = min(np.log10(points_per_alarm), most)
    threshold = float(score_of(np.array(surprise)))
    return Decision(threshold, "alert_budget", points_per_alarm, extrapolated=points_per_alarm > tail.n)
