"""From which score on a point is an anomaly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from anomaliz.core.score import score_of
from anomaliz.core.types import Flags, Floats
from anomaliz.metrics.classification import best_f1


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


def decide(score: Floats, labels: Flags | None, alert_budget: float, n_calibration: int) -> Decision:
    """Choose by F1 on validation `score (n,)` where `labels (n,)` hold an anomaly, else by the budget."""
    if labels is not None and labels.any():
        f1, threshold = best_f1(labels, score)
        return Decision(threshold, "f1", alert_budget, extrapolated=False, validation_f1=f1)
    return from_alert_budget(alert_budget, n_calibration)


def from_alert_budget(points_per_alarm: float, n_calibration: int) -> Decision:
    """Read off the threshold that normal data reaches once in `points_per_alarm` points.

    The fused score is calibrated, so this is the definition of its scale.
    """
    threshold = float(score_of(np.array(np.log10(points_per_alarm))))
    return Decision(
        threshold, "alert_budget", points_per_alarm, extrapolated=points_per_alarm > n_calibration
    )
