"""Scores a series with the series profile, each row from its past alone."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomaliz.bundle.series import SeriesScorer, SeriesState
from anomaliz.config.settings import Detection
from anomaliz.core.score import score_of
from anomaliz.core.stamps import infer_step, rows_a_day
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import ScoringState, Status, Verdicts
from anomaliz.detection.series_profile import SeriesJudgement
from anomaliz.evaluation.labelled import FUSED, Labelled, Scored


@dataclass(frozen=True)
class Judged:
    """What the series profile, fitted on a series' training rows, makes of the rows behind them."""

    series: Labelled
    scorer: SeriesScorer
    learnt: SeriesState
    """Of the training rows."""
    judgement: SeriesJudgement
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

    @property
    def status(self) -> NDArray[np.int8]:
        """Status of the rows behind the training part, `(n_behind,)`."""
        unknown: Flags = np.isnan(self.judgement.surprise)
        return np.where(unknown, Status.no_data, Status.ok).astype(np.int8)

    def verdicts(self) -> Verdicts:
        """Return the verdicts of the rows behind the training part."""
        profile, behind = self.scorer.profile, slice(self.series.n_train, None)
        n_members = len(profile.detectors)
        return Verdicts(
            features=self.series.features,
            detectors=profile.detectors,
            detector_weight=np.full(n_members, 1 / n_members),
            profile=profile.name,
            threshold=profile.decision.threshold,
            times=None if self.series.times is None else self.series.times[behind],
            status=self.status,
            observed=self.series.values[behind],
            state=ScoringState(self.series.values[:0]),
            alert=self.judgement.alert_score >= profile.alert_threshold,
            **vars(self.judgement),
        )

    def scored(self) -> Scored:
        """Return the readings of every row, 0 in the training part and where there is none."""
        judgement, profile = self.judgement, self.scorer.profile
        members = zip(profile.detectors, judgement.detector_surprise.T, strict=True)
        surprise = {FUSED: judgement.surprise, **dict(members)}
        alert_score = behind_training(self.series, judgement.alert_score)
        return Scored(
            series=self.series,
            score=score_of(behind_training(self.series, judgement.surprise)),
            rank_score=behind_training(self.series, judgement.rank_score),
            alert_score=alert_score,
            alert=alert_score >= profile.alert_threshold,
            threshold=profile.decision.threshold,
            alert_threshold=profile.alert_threshold,
            surprise={name: behind_training(self.series, values) for name, values in surprise.items()},
            thresholds={**dict.fromkeys(surprise, self.label_free), FUSED: profile.decision.threshold},
            status=np.concatenate([np.full(self.series.n_train, Status.warming_up, np.int8), self.status]),
            seconds=self.seconds,
        )


def judge_series(series: Labelled, detection: Detection) -> Judged:
    """Fit the series profile on the training rows of `series` and judge those behind them.

    No label is seen. Raises DataError when the training rows are too few.
    """
    began = time.perf_counter()
    train, behind = series.values[: series.n_train], series.values[series.n_train :]
    budget = detection.threshold.alert_budget
    scorer, learnt = SeriesScorer.fit(
        train,
        _rows_a_day(series),
        np.ones(len(train), np.bool_),
        tail_quantile=detection.calibration.tail_quantile,
        alert_budget=budget,
    )
    present = np.logical_not(np.isnan(behind).all(axis=1))
    judgement = scorer.score(behind, present, learnt)[0]
    label_free = float(score_of(np.log10(np.array(budget))))
    return Judged(series, scorer, learnt, judgement, label_free, time.perf_counter() - began)


def behind_training(series: Labelled, readings: Floats) -> Floats:
    """Return the readings `(n_behind,)` for every row, 0 in the training part and where there is none."""
    return np.concatenate([np.zeros(series.n_train), np.nan_to_num(readings, nan=0.0)])


def _rows_a_day(series: Labelled) -> int:
    # Stamps that repeat or step back are few, and a median does not mind them.
    if series.times is None or series.n_train < 2:
        return 0
    return rows_a_day(infer_step(series.times[: series.n_train]))
