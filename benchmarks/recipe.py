"""One way from reading errors to measures: the shipped one, but for what an ablation changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from anomaliz.core.score import MAX_SURPRISE, score_of
from anomaliz.core.types import Floats
from anomaliz.core.verdict import FUSED
from anomaliz.detection.alerting import STEP_UP
from anomaliz.detection.series_profile import ALERT_RARITY, ALERT_SURPRISE, RANK_HALF_LIVES, SCORE_HALF_LIFE
from anomaliz.detection.smoothing import MOST_REMEMBERED, POWER
from anomaliz.detection.thresholds import from_run_budget
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.measures import of_all_rows, of_test_rows
from benchmarks.readings import Readings, Transform, read
from benchmarks.variants import (
    DETECTION,
    SHIPPED_CALIBRATION,
    Calibration,
    Fusion,
    alerts,
    growing_tail,
    mean,
    rare,
    smoothed,
)

MEAN = "mean of members"
"""The fused surprise before it gets its memory and a tail of its own, which make it the score's."""
BUDGET = DETECTION.threshold.alert_budget


@dataclass(frozen=True)
class AlertRule:
    """When a fused surprise is an alert; the defaults are shipped."""

    calibrated: bool = False
    """Whether the fused surprise gets a tail of its own before."""
    step_up: float | None = STEP_UP
    quiets_a_day: float | None = None
    surprise: float | None = None
    """From which on an alert is raised, at least. None is what ships for the series' shape, also above."""
    rarity: float = ALERT_RARITY


@dataclass(frozen=True)
class Recipe:
    """What is done with reading errors; the defaults are shipped."""

    members: tuple[str, ...] = ()
    """All that are shipped when empty."""
    without: str = ""
    added: str = ""
    transform: Transform | None = None
    calibration: Calibration | None = None
    """None is the shipped one of the series' shape, as below."""
    fusion: Fusion = mean
    score_half_life: float = SCORE_HALF_LIFE
    most_remembered: float = MOST_REMEMBERED
    power: float = POWER
    rank_half_lives: tuple[float, ...] | None = None
    alert_budget: float = BUDGET
    alert: AlertRule = field(default=AlertRule())

    def chosen(self, shipped: Sequence[str]) -> list[str]:
        """Return the names of the members that are fused, where those of `shipped` would be."""
        names = [*(self.members or shipped), self.added]
        return [name for name in names if name and name != self.without]


@dataclass(frozen=True)
class Outcome:
    """What a recipe is worth on one series."""

    name: str
    windows: Sequence[tuple[int, int]]
    measures: Mapping[str, Any]
    alert_score: Floats
    """`(n,)`."""
    alert_surprise: float


class Kitchen:
    """Carries recipes out on one series, and what two of them have in common only once."""

    def __init__(self, series: Labelled) -> None:
        self._series = series
        self._readings: dict[Transform | None, Readings] = {}
        self._surprise: dict[tuple[Transform | None, Calibration], dict[str, Floats]] = {}
        self._measures: dict[Recipe, Mapping[str, Any]] = {}

    def outcome(self, recipe: Recipe) -> Outcome:
        """Return what `recipe` is worth."""
        scored, series = self.scored(recipe), self._series
        # Recipes that differ in alerts alone score and rank alike, which is what takes long to measure.
        alike = replace(recipe, alert=AlertRule())
        if alike not in self._measures:
            measure = of_all_rows if len(series.features) == 1 else of_test_rows
            self._measures[alike] = measure(scored)
        return Outcome(
            series.name, series.windows, self._measures[alike], scored.alert_score, scored.alert_threshold
        )

    def scored(self, recipe: Recipe) -> Scored:
        """Return the readings that `recipe` makes of the series.

        Surprises are those of training rows too, and NaN where there is none.
        """
        readings = self.readings(recipe.transform)
        members = self.members(recipe)
        fused = recipe.fusion(np.stack(list(members.values()), axis=1))
        memory = smoothed(fused, (recipe.score_half_life,), recipe.power)
        short = np.minimum(memory, recipe.most_remembered * fused)
        surprise = _calibration(recipe, readings)(short[:, np.newaxis], readings.n_train)[:, 0]
        normal = surprise[: readings.n_train]
        shipped = RANK_HALF_LIVES[readings.shape]
        half_lives = shipped if recipe.rank_half_lives is None else recipe.rank_half_lives
        news = _alerts(recipe.alert, fused, readings)
        alert_score = _behind(news, readings)
        alert_threshold = max(
            recipe.alert.surprise or ALERT_SURPRISE[readings.shape],
            rare(news[: readings.n_train], recipe.alert_budget, recipe.alert.rarity),
        )
        return Scored(
            series=self._series,
            score=score_of(_behind(surprise, readings)),
            rank_score=_behind(smoothed(fused, half_lives, recipe.power), readings),
            alert_score=alert_score,
            alert=alert_score >= alert_threshold,
            threshold=from_run_budget(normal[~np.isnan(normal)], recipe.alert_budget).threshold,
            alert_threshold=alert_threshold,
            surprise={FUSED: surprise, MEAN: fused, **members},
            thresholds={},
            status=np.zeros(len(fused), np.int8),
            seconds=0.0,
        )

    def readings(self, transform: Transform | None = None) -> Readings:
        """Return the errors of every detector on the transformed series."""
        if transform not in self._readings:
            self._readings[transform] = read(self._series, transform)
        return self._readings[transform]

    def members(self, recipe: Recipe) -> dict[str, Floats]:
        """Return the surprise of each member of `recipe`, the mean of its readings', `(n,)` each."""
        readings = self.readings(recipe.transform)
        calibration = _calibration(recipe, readings)
        known = self._surprise.setdefault((recipe.transform, calibration), {})
        chosen = recipe.chosen(readings.members)
        for name in chosen:
            if name not in known:
                surprise = calibration(readings.errors[name], readings.n_train)
                known[name] = mean(np.minimum(surprise, MAX_SURPRISE))
        return {name: known[name] for name in chosen}


def _calibration(recipe: Recipe, readings: Readings) -> Calibration:
    return recipe.calibration or SHIPPED_CALIBRATION[readings.shape]


def _alerts(rule: AlertRule, fused: Floats, readings: Readings) -> Floats:
    if rule.calibrated:
        fused = growing_tail(fused[:, np.newaxis], readings.n_train)[:, 0]
    return alerts(fused, readings.quiet(rule.quiets_a_day), rule.step_up)


def _behind(reading: Floats, readings: Readings) -> Floats:
    """Return `reading (n,)` with 0 in the training rows and where there is none."""
    reading = np.nan_to_num(reading, nan=0.0)
    reading[: readings.n_train] = 0.0
    return reading
