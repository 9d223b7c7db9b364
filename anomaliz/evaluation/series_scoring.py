"""Scores a series with the series profile, each row from its past alone."""

import time
from dataclasses import dataclass

import numpy as np

from anomaliz.bundle.series import SeriesScorer, SeriesState
from anomaliz.bundle.status import status_of
from anomaliz.config.settings import Settings
from anomaliz.core.score import score_of
from anomaliz.core.stamps import infer_step, rows_a_day
from anomaliz.core.types import Floats
from anomaliz.core.verdict import FUSED, ScoringState, Status, Verdicts
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.preprocessing.gaps import forward_fill


@dataclass(frozen=True)
class Judged:
    """What the series profile, fitted on a series' training rows, makes of the rows behind them."""

    series: Labelled
    scorer: SeriesScorer
    learnt: SeriesState
    """Of the training rows."""
    verdicts: Verdicts
    """Of the `n_behind` rows behind them."""
    label_free: float
    """Threshold of a member, as a score, that the alert budget gives."""
    seconds: float
    """Fitting and scoring."""

    @property
    def training_surprise(self) -> Floats:
        """Surprise of the training rows that calibrate, the newest 20,000 at most, oldest first."""
        smoothed = self.learnt.memory.smoothed
        surprise: Floats = smoothed.read(smoothed.errors)[:, 0]
        return surprise[~np.isnan(surprise)]

    def scored(self) -> Scored:
        """Return the readings of every row, 0 in the training part and where there is none."""
        verdicts, profile = self.verdicts, self.scorer.profile
        members = zip(profile.detectors, verdicts.detector_surprise.T, strict=True)
        surprise = {FUSED: verdicts.surprise, **dict(members)}
        assert verdicts.rank_score is not None
        assert verdicts.alert_score is not None
        alert_score = behind_training(self.series, verdicts.alert_score)
        return Scored(
            series=self.series,
            score=score_of(behind_training(self.series, verdicts.surprise)),
            rank_score=behind_training(self.series, verdicts.rank_score),
            alert_score=alert_score,
            alert=alert_score >= profile.alert_threshold,
            threshold=profile.decision.threshold,
            alert_threshold=profile.alert_threshold,
            surprise={name: behind_training(self.series, values) for name, values in surprise.items()},
            thresholds={**dict.fromkeys(surprise, self.label_free), FUSED: profile.decision.threshold},
            status=np.concatenate(
                [np.full(self.series.n_train, Status.warming_up, np.int8), verdicts.status]
            ),
            seconds=self.seconds,
        )


def judge_series(series: Labelled, settings: Settings) -> Judged:
    """Fit the series profile on the training rows of `series` and judge those behind them.

    No label is seen. Raises DataError when the training rows are too few.
    """
    began = time.perf_counter()
    train, detection = series.values[: series.n_train], settings.detection
    budget = detection.threshold.alert_budget
    scorer, learnt = SeriesScorer.fit(
        train,
        _rows_a_day(series),
        np.ones(len(train), np.bool_),
        tail_quantile=detection.calibration.tail_quantile,
        alert_budget=budget,
    )
    verdicts = _verdicts(series, scorer, learnt, settings.data.window_size)
    label_free = float(score_of(np.log10(np.array(budget))))
    return Judged(series, scorer, learnt, verdicts, label_free, time.perf_counter() - began)


def _verdicts(series: Labelled, scorer: SeriesScorer, learnt: SeriesState, window_size: int) -> Verdicts:
    """Return the verdicts of the rows behind the training part; missing values are filled as in a bundle."""
    behind = slice(series.n_train, None)
    observed = series.values[behind]
    status = status_of(series.values, forward_fill(series.values, window_size), window_size)[behind]
    judgement, state = scorer.score(observed, status <= Status.degraded, learnt)
    times = None if series.times is None else series.times[behind]
    return scorer.verdicts(
        judgement, status, series.features, observed, times, ScoringState(observed[:0], series=state)
    )


def behind_training(series: Labelled, readings: Floats) -> Floats:
    """Return the readings `(n_behind,)` for every row, 0 in the training part and where there is none."""
    return np.concatenate([np.zeros(series.n_train), np.nan_to_num(readings, nan=0.0)])


def _rows_a_day(series: Labelled) -> int:
    # Stamps that repeat or step back are few, and a median does not mind them.
    if series.times is None or series.n_train < 2:
        return 0
    return rows_a_day(infer_step(series.times[: series.n_train]))
