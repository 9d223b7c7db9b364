"""Scores a series with the detectors that need history: fit, then row after row with a memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import ScoringState, Status, Verdicts
from anomaliz.detection.series_profile import (
    SeriesJudgement,
    SeriesMemory,
    SeriesProfile,
    SeriesReadings,
    shape_of,
)
from anomaliz.detection.thresholds import Decision
from anomaliz.models.series.detector import Scale, SeriesDetector
from anomaliz.models.series.registry import series_detectors
from anomaliz.models.series.rows import Rows
from anomaliz.preprocessing.gaps import forward_fill
from anomaliz.preprocessing.normalizer import RangeNormalizer
from anomaliz.preprocessing.robust import RobustNormalizer

MIN_ROWS = 100
"""Normal rows that there must be to learn from."""
AFTERMATH = {"single": 144, "several": 12}
"""Rows after an anomaly in which errors say nothing of normal behaviour: the longest time scale."""
SHORTEST_QUIET = 12
"""Rows that an alert keeps others away for, unless they are clearly worse, at least."""
QUIETS_A_DAY = {"single": 2, "several": 12}
"""Half a day where one metric says little and may say it often; two hours where incidents come in series."""
ASSUMED_DAY = 288
"""Rows in a day, for this, where it is not known."""


@dataclass(frozen=True)
class SeriesState:
    """What scoring the next row needs of the rows before it."""

    rows: Floats
    """The newest rows, filled, `(k, n_features)`, oldest first."""
    before: int
    """Rows that the series has had."""
    memory: SeriesMemory


@dataclass(frozen=True)
class Scales:
    """Both normalisers; a detector says which it wants."""

    ranges: RangeNormalizer
    spreads: RobustNormalizer

    @classmethod
    def fit(cls, values: Floats) -> Self:
        return cls(RangeNormalizer.fit(values), RobustNormalizer.fit(values))

    def rows(self, values: Floats, period: int, normal: Flags | None = None) -> Mapping[Scale, Rows]:
        """Return finite `values (m, n_features)` as rows in either scale."""
        return {
            "range": Rows(self.ranges.transform(values).astype(np.float64), period, normal),
            "robust": Rows(self.spreads.transform(values), period, normal),
        }

    def invert(self, scale: Scale, values: Floats) -> Floats:
        return self.ranges.invert(values) if scale == "range" else self.spreads.invert(values)


@dataclass(frozen=True)
class SeriesScorer:
    """The series detectors of a bundle, with the scales before them and the profile after them."""

    detectors: Sequence[SeriesDetector]
    scales: Scales
    period: int
    """Rows in a day, 0 = unknown."""
    profile: SeriesProfile

    @classmethod
    def fit(
        cls,
        values: Floats,
        period: int,
        normal: Flags,
        *,
        tail_quantile: float,
        alert_budget: float,
    ) -> tuple[Self, SeriesState]:
        """Learn from `values (n, n_features)`, NaN = missing, with `period` rows a day (0 = unknown).

        Only `normal (n,)` rows are learnt from, and the alert budget chooses the threshold.
        Returns the scorer and its state after the last row. Where the rows are too few for every member
        that compares days, the day is left out of account. Raises DataError for fewer than 100 normal rows,
        for a feature without values, and where no row has an error to calibrate on.
        """
        found = int((normal & present(values)).sum())
        if found < MIN_ROWS:
            raise DataError(f"the series profile needs {MIN_ROWS} normal rows, got {found}")
        for rows_a_day in dict.fromkeys((period, 0)):
            scorer, state = cls._fitted(values, rows_a_day, normal, tail_quantile, alert_budget)
            if state.memory.calibrated:
                return scorer, state
        raise DataError("the series profile has too few errors to calibrate on: give a longer series")

    @classmethod
    def _fitted(
        cls, values: Floats, period: int, normal: Flags, tail_quantile: float, alert_budget: float
    ) -> tuple[Self, SeriesState]:
        scales = Scales.fit(values[normal])
        filled = _filled(values, scales.spreads.centre)
        rows = scales.rows(filled, period, normal)
        detectors = [
            detector.fit(rows[detector.scale]) for detector in series_detectors(values.shape[1], period)
        ]
        there = present(values)
        readings = _readings(detectors, scales, rows, len(filled), there)
        for detector in detectors:
            readings.errors[detector.name][: detector.rows_learnt] = np.nan
        profile, memory = SeriesProfile.calibrate(
            readings,
            filled,
            _calm(rows["robust"]) & there,
            quiet=_quiet(values.shape[1], period),
            tail_quantile=tail_quantile,
            alert_budget=alert_budget,
        )
        scorer = cls(detectors, scales, period, profile)
        return scorer, SeriesState(filled[-scorer.reach :], len(filled), memory)

    def with_decision(self, decision: Decision) -> Self:
        """Return the scorer with another threshold."""
        return replace(self, profile=replace(self.profile, decision=decision))

    @cached_property
    def reach(self) -> int:
        """Rows before a row that its verdict can depend on, its memory aside."""
        return max(detector.reach for detector in self.detectors)

    def score(self, values: Floats, judged: Flags, state: SeriesState) -> tuple[SeriesJudgement, SeriesState]:
        """Judge the next rows `values (n, n_features)`, NaN = missing; only `judged (n,)` ones get verdicts.

        The others pass time: what is missing in them is stood for by the values before.
        """
        filled = _filled(np.concatenate([state.rows, values]), self.scales.spreads.centre)
        before = state.before + len(values)
        rows = self.scales.rows(filled, self.period)
        readings = _readings(self.detectors, self.scales, rows, before, judged)
        judgement, memory = self.profile.judge(readings, state.memory)
        return judgement, SeriesState(filled[max(0, len(filled) - self.reach) :], before, memory)

    def verdicts(
        self,
        judgement: SeriesJudgement,
        status: NDArray[np.int8],
        features: tuple[str, ...],
        observed: Floats,
        times: Stamps | None,
        state: ScoringState,
    ) -> Verdicts:
        """Return the verdicts of `n` rows whose values could be judged as far as `status (n,)` says."""
        status = status.copy()
        partial = np.isnan(judgement.detector_surprise).any(axis=1)
        status[(status <= Status.degraded) & partial] = Status.degraded
        status[(status <= Status.degraded) & np.isnan(judgement.surprise)] = Status.warming_up
        profile = self.profile
        return Verdicts(
            features=features,
            detectors=profile.detectors,
            detector_weight=np.full(len(profile.detectors), 1 / len(profile.detectors)),
            profile=profile.name,
            threshold=profile.decision.threshold,
            times=times,
            status=status,
            observed=observed,
            state=state,
            alert=judgement.alert_score >= profile.alert_threshold,
            **vars(judgement),
        )


@dataclass(frozen=True)
class SeriesPart:
    """The series profile of a bundle: its scorer, and where training left the series."""

    scorer: SeriesScorer
    trained: ScoringState
    """After the last row that was trained on."""

    @property
    def enough(self) -> int:
        """Rows from which on a series that begins anew has a verdict by every member."""
        return max(MIN_ROWS, *(detector.min_history for detector in self.scorer.detectors)) + 1

    def judges_most(self, n: int, of: int) -> bool:
        """Whether of the newest `n` rows at least half have verdicts by every member, `of` so many in all."""
        return 2 * min(n, of - self.enough + 1) >= n

    def beginning(self, times: Stamps | None, step: np.timedelta64 | None) -> ScoringState:
        """Return the state before the first row: warm where it follows the training series, else empty."""
        if self.follows(times, step):
            return self.trained
        trained = self.trained.series
        assert isinstance(trained, SeriesState)
        empty = SeriesState(trained.rows[:0], 0, trained.memory.forgetting())
        return ScoringState(self.trained.rows[:0], series=empty)

    def follows(self, times: Stamps | None, step: np.timedelta64 | None) -> bool:
        """Whether the first of the stamps `(n,)` comes a step after the last one trained on."""
        last = self.trained.last
        if times is None or not len(times) or last is None or step is None:
            return False
        return bool(0.5 < (times[0] - last) / step < 1.5)


def present(values: Floats) -> Flags:
    """Say which rows of `values (n, n_features)` are not missing altogether, `(n,)`."""
    return np.logical_not(np.isnan(values).all(axis=1))


def _calm(rows: Rows) -> Flags:
    """Return the normal rows that no labelled anomaly comes shortly before, `(m,)`: windows still hold it.

    Where that leaves too few, all normal ones.
    """
    calm = rows.normal_for(AFTERMATH[shape_of(rows.values.shape[1])])
    return calm if int(calm.sum()) >= MIN_ROWS else rows.normal


def _quiet(n_features: int, period: int) -> int:
    return max((period or ASSUMED_DAY) // QUIETS_A_DAY[shape_of(n_features)], SHORTEST_QUIET)


def _filled(values: Floats, otherwise: Floats) -> Floats:
    """Return `values` filled forward, and `otherwise (n_features,)` before a feature's first value."""
    if not np.isnan(values).any():
        return values
    filled = forward_fill(values, limit=len(values))
    return np.where(np.isnan(filled), otherwise, filled)


def _readings(
    detectors: Sequence[SeriesDetector],
    scales: Scales,
    rows: Mapping[Scale, Rows],
    before: int,
    judged: Flags,
) -> SeriesReadings:
    """Read the newest rows, as many as `judged (n,)` has; with the last the series has had `before` rows.

    There is no error where a detector has too little before the row, or the row is not to be judged.
    """
    n = len(judged)
    position = np.arange(before - n, before)
    errors, feature_errors, expected = {}, {}, {}
    for detector in detectors:
        reading = detector.read(rows[detector.scale], n)
        there = judged & (position >= detector.min_history)
        errors[detector.name] = np.where(there[:, np.newaxis], reading.errors, np.nan)
        if reading.feature_errors is not None:
            feature_errors[detector.name] = reading.feature_errors
        if reading.expected is not None:
            expected[detector.name] = scales.invert(detector.scale, reading.expected)
    return SeriesReadings(errors, feature_errors, expected)
