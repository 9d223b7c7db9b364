"""Scores a labelled series with the default members, each row from its past alone."""

import time
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from anomaliz.bundle.series import SeriesScorer
from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.core.score import score_of
from anomaliz.core.stamps import infer_step, rows_a_day
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import Status
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.detection.series_profile import SeriesJudgement, SeriesProfile
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.training.preparation import Part, Prepared, prepare
from anomaliz.training.seed import Fitted, fit_window_profile

FUSED, WINDOW_FUSED = "fused", "window_fused"
"""Names of all series members together, and of all window members together."""


def score_labelled(series: Labelled, settings: Settings) -> Scored:
    """Fit every member on the training rows of `series` and score those behind them.

    The readings are those of the series profile; the window detectors are scored beside it. No member sees
    a label or a row's future. Raises DataError when the training rows are too few.
    """
    began = time.perf_counter()
    profile, judged = _series_profile(series, settings)
    names = zip(profile.detectors, judged.detector_surprise.T, strict=True)
    surprise = {FUSED: judged.surprise, **dict(names), **_window_surprise(series, settings)}
    label_free = float(score_of(np.log10(np.array(settings.detection.threshold.alert_budget))))
    threshold = profile.decision.threshold
    alert_score = _behind_training(series, judged.alert_score)
    return Scored(
        series=series,
        score=score_of(_behind_training(series, judged.surprise)),
        rank_score=_behind_training(series, judged.rank_score),
        alert_score=alert_score,
        alert=alert_score >= profile.alert_threshold,
        threshold=threshold,
        alert_threshold=profile.alert_threshold,
        surprise={name: _behind_training(series, values) for name, values in surprise.items()},
        thresholds={**dict.fromkeys(surprise, label_free), FUSED: threshold},
        status=_status(series, judged.surprise),
        seconds=time.perf_counter() - began,
    )


def _series_profile(series: Labelled, settings: Settings) -> tuple[SeriesProfile, SeriesJudgement]:
    """Return the series profile of the training rows and its judgement of the rows behind them."""
    train, behind = series.values[: series.n_train], series.values[series.n_train :]
    scorer, state = SeriesScorer.fit(
        train,
        _rows_a_day(series),
        np.ones(len(train), np.bool_),
        tail_quantile=settings.detection.calibration.tail_quantile,
        alert_budget=settings.detection.threshold.alert_budget,
    )
    present = np.logical_not(np.isnan(behind).all(axis=1))
    return scorer.profile, scorer.score(behind, present, state)[0]


def _rows_a_day(series: Labelled) -> int:
    # Stamps that repeat or step back are few, and a median does not mind them.
    if series.times is None or series.n_train < 2:
        return 0
    return rows_a_day(infer_step(series.times[: series.n_train]))


def _window_surprise(series: Labelled, settings: Settings) -> Mapping[str, Floats]:
    """Return the surprise of each window detector, and of their fusion, in the rows behind the training part.

    A training part that is too short for them leaves them out, with a warning.
    """
    split = np.where(np.arange(len(series.values)) < series.n_train, "train", "test")
    dataset = Dataset(series.values, None, series.features, split=split, name=series.name)
    try:
        prepared = prepare(dataset, settings.data.window_size)
    except DataError as error:
        warnings.warn(f"{error}; its window detectors are left out", DataWarning, stacklevel=2)
        return {}
    fitted = fit_window_profile(prepared, settings, settings.training.seed, series.name, lambda _: None)
    return _spread(fitted, prepared)


def _spread(fitted: Fitted, prepared: Prepared) -> Mapping[str, Floats]:
    """Return the readings of the test windows at the row each ends with, `(n_behind,)`, NaN elsewhere."""
    test = prepared.test
    judged = fitted.judge(test)
    columns = [*judged.detector_surprise.T, judged.surprise]
    names = [*fitted.profile.detectors, WINDOW_FUSED]
    return {name: _at_ends(values, test, prepared) for name, values in zip(names, columns, strict=True)}


def _at_ends(values: Floats, test: Part, prepared: Prepared) -> Floats:
    rows = prepared.split.test
    spread = np.full(rows.stop - rows.start, np.nan)
    spread[test.picked + prepared.window_size - 1 - rows.start] = values
    return spread


def _behind_training(series: Labelled, readings: Floats) -> Floats:
    """Return the readings `(n_behind,)` for every row, 0 in the training part and where there is none."""
    return np.concatenate([np.zeros(series.n_train), np.nan_to_num(readings, nan=0.0)])


def _status(series: Labelled, surprise: Floats) -> NDArray[np.int8]:
    unknown: Flags = np.isnan(surprise)
    behind = np.where(unknown, Status.no_data, Status.ok)
    return np.concatenate([np.full(series.n_train, Status.warming_up), behind]).astype(np.int8)
