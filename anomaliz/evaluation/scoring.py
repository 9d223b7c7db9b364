"""Scores a labelled series with the default members, each row from its past alone."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.series_scoring import behind_training, judge_series
from anomaliz.training.preparation import Part, Prepared, prepare
from anomaliz.training.seed import Fitted, fit_window_profile

WINDOW_FUSED = "window_fused"
"""Name of all window members together."""


def score_labelled(series: Labelled, settings: Settings, *, with_window: bool = True) -> Scored:
    """Fit every member on the training rows of `series` and score those behind them.

    The readings are those of the series profile; the window detectors are scored beside it, or left out.
    No member sees a label or a row's future. Raises DataError when the training rows are too few, or a
    column has no value in them.
    """
    _require_values(series)
    judged = judge_series(series, settings)
    scored = judged.scored()
    if not with_window:
        return scored
    began = time.perf_counter()
    beside = _window_surprise(series, settings)
    return replace(
        scored,
        surprise={**scored.surprise, **beside},
        thresholds={**scored.thresholds, **dict.fromkeys(beside, judged.label_free)},
        seconds=scored.seconds + time.perf_counter() - began,
    )


def _require_values(series: Labelled) -> None:
    empty = np.isnan(series.values[: series.n_train]).all(axis=0)
    if empty.any():
        feature = series.features[int(np.argmax(empty))]
        raise DataError(
            f"column {feature!r} has no values in the {series.n_train} training rows: "
            "drop it, or train on more rows",
            field=feature,
        )


def _window_surprise(series: Labelled, settings: Settings) -> Mapping[str, Floats]:
    """Return the surprise of each window detector, and of their fusion, for every row.

    A training part that is too short for them leaves them out, with a warning.
    """
    split = np.where(np.arange(len(series.values)) < series.n_train, "train", "test")
    dataset = Dataset(series.values, None, series.features, split=split, name="the series")
    try:
        prepared = prepare(dataset, settings.data.window_size)
    except DataError as error:
        warnings.warn(f"{error}; its window detectors are left out", DataWarning, stacklevel=2)
        return {}
    fitted = fit_window_profile(prepared, settings, settings.training.seed, series.name, lambda _: None)
    return {name: behind_training(series, readings) for name, readings in _spread(fitted, prepared).items()}


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
