"""The series profile: from the errors of series detectors to the three readings of a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np

from anomaliz.core.score import MAX_SURPRISE
from anomaliz.core.types import Flags, Floats
from anomaliz.detection.alerting import AlertState, alert_scores
from anomaliz.detection.attribution import contributions
from anomaliz.detection.profile import Expectation
from anomaliz.detection.smoothing import joined_means, power_means, remembered
from anomaliz.detection.streaming import ErrorHistory
from anomaliz.detection.thresholds import Decision, from_run_budget

SERIES_PROFILE = "series"
"""The profile of the detectors that need history."""
SCORE_HALF_LIFE = 2.0
"""Rows: as long as it takes a point's surprise to count half in the score of a later one."""
RANK_HALF_LIVES = {"single": (5.0, 50.0), "several": (3.0,)}
"""Rows: one noisy metric ranks better with a long memory beside the short one, several do without."""
LEARNS = {"single": 2**62, "several": 5000}
"""Rows from which the tails learn. Errors of many kinds of one metric take a long history to be told apart;
the residuals of several are known sooner, and tails that went on would learn the incidents."""
ALERT_SURPRISE = {"single": 1.1, "several": 2.0}
"""Fused surprise from which on an alert is raised. Members of one metric are of different kinds and seldom
agree by chance; those of several metrics are akin, so their mean is nearly the surprise of one."""

ALERT_RARITY = 2.0
"""Times the alert budget: the points of the training part for each alert that it would have had."""


@dataclass(frozen=True)
class SeriesReadings:
    """What the members read off `n` rows; maps are by detector name."""

    errors: Mapping[str, Floats]
    """`(n, n_readings)` each, NaN where a member has too little before the row."""
    feature_errors: Mapping[str, Floats]
    """`(n, n_features)` each, relative to what is large for the feature."""
    expected: Mapping[str, Floats]
    """`(n, n_features)` each, in the data's unit."""


@dataclass(frozen=True)
class SeriesMemory:
    """What judging the next row needs of the rows before it."""

    errors: ErrorHistory
    """Of every reading of every member."""
    smoothed: ErrorHistory
    """Of the fused surprise after its short memory, `(k, 1)`."""
    score_power: Floats
    rank_power: Floats
    alert: AlertState

    @property
    def calibrated(self) -> bool:
        """Whether training had enough errors to tell what is rare."""
        return self.smoothed.tails[0] is not None

    def forgetting(self) -> Self:
        """Return the memory for another series of the kind: what is rare stays known, the rows do not."""
        return replace(
            self,
            score_power=np.zeros_like(self.score_power),
            rank_power=np.zeros_like(self.rank_power),
            alert=AlertState.none(),
        )


@dataclass(frozen=True)
class SeriesJudgement:
    """What the profile makes of `n` rows; NaN where it cannot judge."""

    surprise: Floats
    detector_surprise: Floats
    """`(n, n_detectors)`, NaN of a member that is left out."""
    contributions: Floats
    expected: Floats
    expected_lower: Floats
    expected_upper: Floats
    rank_score: Floats
    alert_score: Floats


@dataclass(frozen=True)
class SeriesProfile:
    """Everything between the errors of series detectors and verdicts."""

    members: Mapping[str, int]
    """Detector name -> number of its readings."""
    tail_quantile: float
    learns: int
    """Rows, those of training included, after which the tails stay as they are."""
    rank_half_lives: tuple[float, ...]
    quiet: int
    """Rows after an alert in which only a clearly stronger one is raised."""
    decision: Decision
    alert_threshold: float
    expectation: Expectation | None

    name = SERIES_PROFILE

    @classmethod
    def calibrate(
        cls,
        training: SeriesReadings,
        observed: Floats,
        normal: Flags,
        *,
        quiet: int,
        tail_quantile: float,
        alert_budget: float,
    ) -> tuple[Self, SeriesMemory]:
        """Fit on the readings of the training series; return the profile and its memory at the series' end.

        Of `observed (n, n_features)` only the `normal (n,)` rows say what is normal.
        """
        shape = shape_of(observed.shape[1])
        members = {name: errors.shape[1] for name, errors in training.errors.items()}
        expected = {name: values[normal] for name, values in training.expected.items()}
        draft = cls(
            members=members,
            tail_quantile=tail_quantile,
            learns=LEARNS[shape],
            rank_half_lives=RANK_HALF_LIVES[shape],
            quiet=quiet,
            decision=Decision(1.0, "alert_budget", alert_budget, extrapolated=False),
            alert_threshold=ALERT_SURPRISE[shape],
            expectation=Expectation.choose(expected, observed[normal]),
        )
        errors = ErrorHistory.of(draft._side_by_side(training)[normal], tail_quantile)
        fused = draft._fuse(errors.read(draft._side_by_side(training)))[1]
        short, score_power = remembered(fused, SCORE_HALF_LIFE, np.zeros(1))
        smoothed = ErrorHistory.of(short[normal], tail_quantile)
        _, rank_power = power_means(fused, draft.rank_half_lives, np.zeros(len(draft.rank_half_lives)))
        news, alert = alert_scores(fused, quiet, AlertState.none())
        profile = draft._decided(smoothed.read(short[normal])[:, 0], news[normal], alert_budget)
        return profile, SeriesMemory(errors, smoothed, score_power, rank_power, alert)

    def _decided(self, surprise: Floats, news: Floats, alert_budget: float) -> Self:
        """Return the profile with thresholds that normal rows' surprise and alert reading `(n,)` allow."""
        decision = from_run_budget(surprise[~np.isnan(surprise)], alert_budget)
        allowed = int(len(news) / (ALERT_RARITY * alert_budget))
        alert_threshold = max(self.alert_threshold, _reached_at_most(allowed, news))
        return replace(self, decision=decision, alert_threshold=alert_threshold)

    @cached_property
    def detectors(self) -> tuple[str, ...]:
        return tuple(self.members)

    def judge(self, readings: SeriesReadings, memory: SeriesMemory) -> tuple[SeriesJudgement, SeriesMemory]:
        """Calibrate, fuse and attribute the readings of the next `n` rows; return the memory after them."""
        surprises, errors = self._calibrated(self._side_by_side(readings), memory.errors)
        detector_surprise, fused = self._fuse(surprises)
        short, score_power = remembered(fused, SCORE_HALF_LIFE, memory.score_power)
        surprise, smoothed = self._calibrated(short, memory.smoothed)
        rank, rank_power = power_means(fused, self.rank_half_lives, memory.rank_power)
        alert_score, alert = alert_scores(fused, self.quiet, memory.alert)
        unjudged = np.isnan(surprise)
        shares, expected, lower, upper = self._explained(readings, unjudged)
        judgement = SeriesJudgement(
            surprise[:, 0],
            detector_surprise,
            shares,
            expected,
            lower,
            upper,
            rank_score=np.where(unjudged[:, 0], np.nan, joined_means(rank)),
            alert_score=np.where(unjudged[:, 0], np.nan, alert_score),
        )
        return judgement, SeriesMemory(errors, smoothed, score_power, rank_power, alert)

    def _calibrated(self, errors: Floats, history: ErrorHistory) -> tuple[Floats, ErrorHistory]:
        """Return the surprise of the next rows' errors, and the history while it still learns."""
        learning = max(self.learns - history.seen, 0)
        learnt, history = history.surprise(errors[:learning], self.tail_quantile)
        return np.concatenate([learnt, history.read(errors[learning:])]), history

    def _side_by_side(self, readings: SeriesReadings) -> Floats:
        return np.concatenate([readings.errors[name] for name in self.members], axis=1)

    def _fuse(self, surprises: Floats) -> tuple[Floats, Floats]:
        """Return each member's surprise, the mean of its readings', and the mean of the members'.

        A member without a reading is left out of the mean; where there is none at all it is NaN.
        """
        ends = np.cumsum(list(self.members.values()))
        members = np.split(np.minimum(surprises, MAX_SURPRISE), ends[:-1], axis=1)
        by_member = np.stack([_mean_of_known(part) for part in members], axis=1)
        return by_member, _mean_of_known(by_member)

    def _explained(self, readings: SeriesReadings, unjudged: Flags) -> list[Floats]:
        """Return contributions, expected values and their band, `(n, n_features)` each.

        They are NaN where `unjudged (n, 1)`.
        """
        errors = list(readings.feature_errors.values())
        n, n_features = errors[0].shape
        shares = contributions(errors, [np.ones(n_features)] * len(errors), n, n_features)
        if self.expectation is None:
            expected = lower = upper = np.full((n, n_features), np.nan)
        else:
            expected = readings.expected[self.expectation.detector]
            lower, upper = expected + self.expectation.lower, expected + self.expectation.upper
        return [np.where(unjudged, np.nan, part) for part in (shares, expected, lower, upper)]

    def to_json(self) -> dict[str, Any]:
        return {
            "members": dict(self.members),
            "fusion": {"method": "mean of surprises", "rank_half_lives": list(self.rank_half_lives)},
            "tail_quantile": self.tail_quantile,
            "learns": self.learns,
            "quiet": self.quiet,
            "decision": self.decision.to_json(),
            "alert_threshold": self.alert_threshold,
            "expectation": self.expectation.to_json() if self.expectation else None,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        return cls(
            members=state["members"],
            tail_quantile=state["tail_quantile"],
            learns=state["learns"],
            rank_half_lives=tuple(state["fusion"]["rank_half_lives"]),
            quiet=state["quiet"],
            decision=Decision.from_json(state["decision"]),
            alert_threshold=state["alert_threshold"],
            expectation=Expectation.from_json(state["expectation"]) if state["expectation"] else None,
        )


def _reached_at_most(times: int, readings: Floats) -> float:
    """Return a threshold that `readings (n,)` reach at most so many times; 0 where that is always so."""
    if times >= len(readings):
        return 0.0
    return float(np.nextafter(np.sort(readings)[::-1][times], np.inf))


def shape_of(n_features: int) -> Literal["single", "several"]:
    """Name the shape of data, of which each has its own members and constants."""
    return "single" if n_features == 1 else "several"


def _mean_of_known(values: Floats) -> Floats:
    """Return the mean of each row of `values (n, k)` without its NaNs; NaN where there is nothing else."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean
