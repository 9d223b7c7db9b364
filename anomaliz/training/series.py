"""The series profile of a training: fitted, its threshold chosen, evaluated."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaliz.bundle.series import SeriesScorer, SeriesState, present
from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import rows_a_day
from anomaliz.core.types import Flags
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.detection.series_profile import SeriesJudgement
from anomaliz.detection.thresholds import Decision, decide_runs
from anomaliz.training.evaluation import metrics_of
from anomaliz.training.preparation import Prepared

LEAST_F1 = 0.5
"""On validation: below, labels and score have too little in common to choose by; then the budget does."""


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

    Labelled rows there calibrate nothing; those of validation choose the threshold, if they can. Returns
    None, with a warning, for a series that is too short.
    """
    dataset, split = prepared.dataset, prepared.split
    labels = np.zeros(len(dataset), np.bool_) if dataset.labels is None else dataset.labels
    try:
        scorer, state = _fit(dataset, slice(0, split.validation.stop), labels, settings)
    except DataError as error:
        warnings.warn(f"{error}: the bundle gets no series profile", DataWarning, stacklevel=2)
        return None
    if decision := _decision_by_labels(prepared, labels, settings):
        scorer = scorer.with_decision(decision)
    test = split.test
    judged = _judge(scorer, dataset, test, state)
    there = np.isfinite(judged.surprise)
    test_labels = None if dataset.labels is None else labels[test][there]
    threshold = scorer.profile.decision.threshold
    return SeriesRun(scorer, state, metrics_of(judged.surprise[there], test_labels, threshold))


def _fit(
    dataset: Dataset, rows: slice, labels: Flags, settings: Settings
) -> tuple[SeriesScorer, SeriesState]:
    return SeriesScorer.fit(
        dataset.values[rows],
        0 if dataset.times is None else rows_a_day(dataset.step),
        np.logical_not(labels[rows]),
        tail_quantile=settings.detection.calibration.tail_quantile,
        alert_budget=settings.detection.threshold.alert_budget,
    )


def _decision_by_labels(prepared: Prepared, labels: Flags, settings: Settings) -> Decision | None:
    """Return the threshold that validation's labels choose, or None where they cannot."""
    dataset, split = prepared.dataset, prepared.split
    if not labels[split.validation].any():
        return None
    try:
        # By its own tails validation would look stranger than what comes after it, so others judge it.
        draft, before = _fit(dataset, split.train, labels, settings)
    except DataError:
        return None  # the training part alone is too short
    surprise = _judge(draft, dataset, split.validation, before).surprise
    there = np.isfinite(surprise)
    budget = settings.detection.threshold.alert_budget
    decision = decide_runs(surprise[there], labels[split.validation][there], budget)
    return decision if (decision.validation_f1 or 0) >= LEAST_F1 else None


def _judge(scorer: SeriesScorer, dataset: Dataset, rows: slice, state: SeriesState) -> SeriesJudgement:
    values = dataset.values[rows]
    return scorer.score(values, present(values), state)[0]
