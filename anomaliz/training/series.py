"""The series profile of a training: fitted, its threshold chosen, evaluated."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaliz.bundle.series import SeriesScorer, SeriesState
from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import rows_a_day
from anomaliz.data.dataset import DataWarning
from anomaliz.training.evaluation import metrics_of
from anomaliz.training.preparation import Prepared


@dataclass(frozen=True)
class SeriesRun:
    """What training the series profile gave."""

    scorer: SeriesScorer
    state: SeriesState
    """At the end of the validation part."""
    test: dict[str, Any]
    """Metrics of the fused score on the test part."""


def fit_series_profile(prepared: Prepared, settings: Settings) -> SeriesRun | None:
    """Fit the series detectors on everything before the test part.

    Labelled rows there calibrate nothing, and choose the threshold. Returns None, with a warning, for a
    series that is too short.
    """
    dataset, known, test = prepared.dataset, slice(0, prepared.split.validation.stop), prepared.split.test
    labels = np.zeros(len(dataset), np.bool_) if dataset.labels is None else dataset.labels
    try:
        scorer, state = SeriesScorer.fit(
            dataset.values[known],
            0 if dataset.times is None else rows_a_day(dataset.step),
            np.logical_not(labels[known]),
            labels[known],
            tail_quantile=settings.detection.calibration.tail_quantile,
            alert_budget=settings.detection.threshold.alert_budget,
        )
    except DataError as error:
        warnings.warn(f"{error}: the bundle gets no series profile", DataWarning, stacklevel=2)
        return None
    present = np.logical_not(np.isnan(dataset.values[test]).all(axis=1))
    judged, _ = scorer.score(dataset.values[test], present, state)
    there = np.isfinite(judged.surprise)
    test_labels = None if dataset.labels is None else labels[test][there]
    threshold = scorer.profile.decision.threshold
    return SeriesRun(scorer, state, metrics_of(judged.surprise[there], test_labels, threshold))
