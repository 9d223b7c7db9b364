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
    if labels is not None and labels.any():
        score = score_of(surprise)
        threshold = float(np.mean(best_f1_plateau(labels, score, PLATEAU)))
        flags = score >= threshold
        if not flags.all():
            f1 = precision_recall_f1(labels, flags).f1
            return Decision(threshold, "f1", alert_budget, extrapolated=False, validation_f1=f1)
    return from_alert_budget(tail, alert_budget, most)


def from_alert_budget(tail: Tail, points_per_alarm: float, most: float = MAX_SURPRISE) -> Decision:
    """Read off the threshold that normal data reaches once in `points_per_alarm` points.

    The score is calibrated, so this is the definition of its scale. A budget rarer than can come out gets
    the rarest that can, so that the strangest of points still reaches the threshold.
    """
    surprise = min(np.log10(points_per_alarm), most)
    threshold = float(score_of(np.array(surprise)))
    return Decision(threshold, "alert_budget", points_per_alarm, extrapolated=points_per_alarm > tail.n)
