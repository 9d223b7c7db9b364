"""What a pipeline would have alerted on, and which threshold gives a wanted number of alerts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.labels import series_name
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Flags, Floats
from anomaliz.pipelines.backfill import between_trainings, model_at
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.policies.policies import Decisions, Policies
from anomaliz.pipelines.reading import read_panel
from anomaliz.pipelines.scoring import SETTLING
from anomaliz.pipelines.systems import open_source
from anomaliz.pipelines.times import seconds
from anomaliz.pipelines.work import Task, model_of, work

DAY = np.timedelta64(1, "D")
HALVINGS = 24
"""Of the interval of thresholds, until the one that is looked for is known to seven digits."""
LEVELS = 32
"""Thresholds that are tried first."""


@dataclass(frozen=True)
class Day:
    """What a day would have brought."""

    day: str
    alerts: int
    """Anomalies that would have begun."""
    points: int
    """Anomalous points."""
    scored: int
    worst: str
    """Series with the highest anomaly score; empty where nothing was scored."""
    anomaly_score: float | None
    """That score."""


@dataclass(frozen=True)
class Suggestion:
    """A threshold for `score.threshold`."""

    wanted: float
    """Alerts a day."""
    threshold: float
    alerts: int
    """That it would have raised."""
    kept: bool
    """Whether these are no more than wanted: policies may alert whatever the threshold."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """A pipeline's verdicts on the past, by models that were fitted on what came before."""

    pipeline: Pipeline
    parts: Sequence[PanelVerdicts]
    """What each model says, in the order of time, of the same series."""

    @classmethod
    def run(cls, task: Task) -> "Backtest":
        """Judge the task's [start, end), trained as in a backfill; raises what its jobs raise."""
        pipeline, (start, end) = task.pipeline, task.interval
        panel, parts = None, []
        for first, last in between_trainings(pipeline, start, end):
            task = replace(task, model=model_at(first, task, work))
            model, _ = model_of(task)
            if panel is None:
                panel = _read(task, start - (model.reach + SETTLING) * pipeline.step_ns, end)
            before = panel.until(first)
            _, memory = model.score(before, min(SETTLING, len(before)), None)
            verdicts, _ = model.score(panel.until(last), len(panel.until(last)) - len(before), memory)
            own = pipeline.score.threshold
            parts.append(verdicts if own is None else replace(verdicts, threshold=own))
        if not any(part.scored.any() for part in parts):
            raise DataError(f"pipeline {pipeline.name} has no data that can be scored in this time")
        return cls(pipeline, parts)

    @cached_property
    def verdicts(self) -> PanelVerdicts:
        """Of the whole time; each model has a threshold of its own."""
        return reduce(PanelVerdicts.followed_by, self.parts)

    @cached_property
    def decisions(self) -> Decisions:
        return self._decided(None)

    @property
    def alerts(self) -> int:
        """Anomalies that would have begun."""
        return int(self.decisions.began.sum())

    @property
    def n_days(self) -> float:
        """How long it was, in days."""
        return seconds(len(self.verdicts) * self.pipeline.step_ns) / 86_400

    def days(self) -> Sequence[Day]:
        """Return what each day (UTC) would have brought."""
        days = self.verdicts.times.astype("datetime64[D]")
        return [self._day(str(day), days == day) for day in np.unique(days)]

    def suggestion(self, wanted: float) -> Suggestion:
        """Return the lowest threshold that raises at most `wanted` alerts a day, and so does any above it.

        Where all do, that with most alerts: below it they only grow together. Where none does, the highest.
        """
        allowed = wanted * self.n_days
        best = high = 1.0
        most = self._alerts(high)
        for low in self._levels():
            alerts = self._alerts(low)
            if alerts > allowed:
                return self._suggested(wanted, self._lowest(low, high, allowed))
            if alerts > most:
                best, most = low, alerts
            high = low
        return self._suggested(wanted, best)

    def _levels(self) -> Sequence[float]:
        """Return scores to try as thresholds, from the highest on, closer together at the top."""
        scores = self.verdicts.score[self.verdicts.scored]
        scores = np.sort(scores[scores > 0])[::-1]
        if not len(scores):
            return []
        ranks = np.geomspace(1, len(scores), LEVELS).astype(np.intp) - 1
        return [float(score) for score in np.unique(scores[ranks])[::-1]]

    def _lowest(self, low: float, high: float, allowed: float) -> float:
        """Return a threshold between one that raises too many alerts and one that does not."""
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self._alerts(middle) > allowed:
                low = middle
            else:
                high = middle
        return high

    def _suggested(self, wanted: float, threshold: float) -> Suggestion:
        threshold = min(float(np.ceil(threshold * 1e4) / 1e4), 1.0)
        alerts = self._alerts(threshold)
        return Suggestion(wanted, threshold, alerts, alerts <= wanted * self.n_days)

    def _day(self, day: str, rows: Flags) -> Day:
        decisions = self.decisions
        score = np.where(rows[:, np.newaxis], decisions.anomaly_score, np.nan)
        there = ~np.isnan(score)
        worst, highest = "", None
        if there.any():
            row, column = np.unravel_index(np.nanargmax(score), score.shape)
            worst, highest = series_name(self.verdicts.labels[column]), float(score[row, column])
        return Day(
            day,
            int(decisions.began[rows].sum()),
            int(decisions.anomaly[rows].sum()),
            int(there.sum()),
            worst,
            highest,
        )

    def highest(self) -> Floats:
        """Return the highest anomaly score of any series at each stamp, NaN without one, `(n,)`."""
        score = np.nan_to_num(self.decisions.anomaly_score, nan=-np.inf).max(axis=1, initial=-np.inf)
        return np.where(np.isinf(score), np.nan, score)

    @property
    def thresholds(self) -> tuple[float, float]:
        """The lowest and the highest of the models' thresholds."""
        thresholds = [part.threshold for part in self.parts]
        return min(thresholds), max(thresholds)

    def _alerts(self, threshold: float) -> int:
        return int(self._decided(threshold).began.sum())

    def _decided(self, threshold: float | None) -> Decisions:
        """Return what the policies decide, by one threshold or, with None, by that of each model."""
        policies, memory = Policies.of(self.pipeline, self.pipeline.step_ns), None
        decisions = []
        for part in self.parts:
            verdicts = part if threshold is None else replace(part, threshold=threshold)
            decided, memory = policies.apply(verdicts, memory)
            decisions.append(decided)
        return reduce(Decisions.followed_by, decisions)


def _read(task: Task, start: np.datetime64, end: np.datetime64) -> Panel:
    source = open_source(task.source)
    try:
        return read_panel(source, task.pipeline, start, end)
    finally:
        source.close()
