"""What a series would have raised, had it been watched: alerts, events, and thresholds to choose from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anomaliz.bundle.series import MIN_ROWS
from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import DAY, infer_step, rows_a_day
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import Event, Verdicts
from anomaliz.data.dataset import Dataset
from anomaliz.detection.events import find_events
from anomaliz.detection.thresholds import Decision, from_run_budget
from anomaliz.evaluation.labelled import Labelled
from anomaliz.evaluation.series_scoring import Judged, judge_series
from anomaliz.metrics.events import runs
from anomaliz.preprocessing.gaps import insert_gaps

BUDGETS = (100.0, 200.0, 500.0, 1000.0, 5000.0)
"""Points per false alarm that thresholds are suggested for."""


@dataclass(frozen=True)
class Suggestion:
    """A threshold for a budget, and what it would have raised."""

    decision: Decision
    n_runs: int
    """Unbroken runs of points that reach it."""


@dataclass(frozen=True)
class Backtest:
    """A series, fitted on its first rows, and the verdicts of the others."""

    judged: Judged
    step: np.timedelta64
    suggestions: Sequence[Suggestion]

    @property
    def verdicts(self) -> Verdicts:
        """Of the rows behind the training part."""
        return self.judged.verdicts

    @cached_property
    def events(self) -> Sequence[Event]:
        """In rows of the verdicts."""
        return find_events(self.verdicts)

    @property
    def times(self) -> Stamps:
        """Stamps of the verdicts, `(n_behind,)`."""
        times = self.verdicts.times
        assert times is not None  # a series without stamps is not read
        return times

    @property
    def n_judged(self) -> int:
        return int(self.verdicts.scored.sum())

    @property
    def n_alerts(self) -> int:
        alert = self.verdicts.alert
        return 0 if alert is None else int(alert.sum())

    def per_day(self, count: int) -> float:
        """Return `count` over the time that was judged, in days of 24 hours."""
        return count / (self.n_judged * float(self.step / DAY))


def run_backtest(
    dataset: Dataset, settings: Settings, train_ratio: float = 0.3, budgets: Iterable[float] = BUDGETS
) -> Backtest:
    """Fit the series profile on the first rows of `dataset` and judge the others, each from its past alone.

    It is fitted on the "train" rows of a dataset with a split, otherwise on `train_ratio` of all rows, at
    least 100. The threshold is that of the settings' alert budget; others are suggested beside it for
    `budgets`, in points per false alarm. Labels are not looked at. Raises DataError for a series that is
    too short.
    """
    series, step = _unlabelled(dataset, settings.data.window_size, train_ratio)
    judged = judge_series(series, settings)
    if not judged.verdicts.scored.any():
        raise DataError(
            f"{dataset.name} has no row that can be judged: give a longer series, with fewer gaps"
        )
    return Backtest(judged, step, _suggestions(judged, budgets))


def _suggestions(judged: Judged, budgets: Iterable[float]) -> list[Suggestion]:
    in_use = judged.scorer.profile.decision
    normal, score = judged.training_surprise, judged.verdicts.score
    others = {*budgets} - {in_use.alert_budget}
    decisions = [in_use, *(from_run_budget(normal, budget) for budget in others)]
    return [
        Suggestion(decision, len(runs(score >= decision.threshold)))
        for decision in sorted(decisions, key=lambda decision: decision.alert_budget)
    ]


def _unlabelled(dataset: Dataset, window_size: int, train_ratio: float) -> tuple[Labelled, np.timedelta64]:
    """Return `dataset` without labels and with a NaN row where a stamp is missing, and its step."""
    if dataset.times is None:
        raise DataError(f"{dataset.name} must have stamps", field="timestamp")
    n_given = _n_fitted(dataset, train_ratio)
    step = dataset.step or infer_step(dataset.times)
    period = max(rows_a_day(step), 1)
    values, times, positions = insert_gaps(
        dataset.values, dataset.times, step, most=window_size + 1, period=period
    )
    n_train = int(positions[n_given])
    _require_enough(dataset, values[:n_train])
    unlabelled = np.zeros(len(values), np.bool_)
    return Labelled(dataset.name, values, times, unlabelled, dataset.features, n_train), step


def _n_fitted(dataset: Dataset, train_ratio: float) -> int:
    n, split = len(dataset), dataset.split
    n_fitted = max(int(n * train_ratio), MIN_ROWS) if split is None else int((split == "train").sum())
    if n_fitted >= n:
        raise DataError(
            f"{dataset.name} has {n} rows, of which {n_fitted} are there to fit on and none to judge: "
            "give a longer series"
        )
    return n_fitted


def _require_enough(dataset: Dataset, train: Floats) -> None:
    present = np.logical_not(np.isnan(train))
    found = int(present.any(axis=1).sum())
    if found < MIN_ROWS:
        raise DataError(
            f"{dataset.name} has {found} rows with values to fit on, and {MIN_ROWS} are needed: "
            "give a longer series or a greater --train-ratio"
        )
    for feature, known in zip(dataset.features, present.T, strict=True):
        if not known.any():
            raise DataError(
                f"column {feature!r} has no values where the profile is fitted: drop it, or give a greater "
                "--train-ratio",
                field=feature,
            )
