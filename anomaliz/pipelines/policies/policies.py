"""A pipeline's policies together: from verdicts to what is written and what is an event."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.policies.calendar import JudgedTimes
from anomaliz.pipelines.policies.data_range import outside
from anomaliz.pipelines.policies.deviation import far_enough
from anomaliz.pipelines.policies.direction import in_direction
from anomaliz.pipelines.policies.events import Events
from anomaliz.pipelines.policies.maintenance import in_period
from anomaliz.pipelines.policies.memory import Memory

HELD_BACK = 0.99
"""Highest anomaly score of a point that a policy holds back, so that 1 and above is anomalous."""
BELOW_ONE = 0.999999999
"""Highest of any other point that is no anomaly: what is nearer to 1 would be written as 1."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """What becomes of the verdicts of `n` stamps of `k` series."""

    anomaly_score: Floats
    """Score divided by threshold, `(n, k)`; NaN where nothing is written."""
    anomaly: Flags
    """`(n, k)`: exactly where the anomaly score is 1 or more."""
    began: Flags
    """Whether an event begins here, `(n, k)`."""

    def followed_by(self, later: "Decisions") -> "Decisions":
        """Return these decisions and those of the stamps after them, of the same series."""
        return Decisions(
            np.concatenate([self.anomaly_score, later.anomaly_score]),
            np.concatenate([self.anomaly, later.anomaly]),
            np.concatenate([self.began, later.began]),
        )


@dataclass(frozen=True)
class Policies:
    """Of one pipeline. They keep nothing: what they remember goes in and out as bytes."""

    pipeline: Pipeline
    calendar: JudgedTimes
    events: Events

    @classmethod
    def of(cls, pipeline: Pipeline, step: np.timedelta64) -> Self:
        """Return the policies of a pipeline whose stamps are a `step` apart."""
        calendar = JudgedTimes(pipeline.calendar, pipeline.timezone)
        events = Events.of(pipeline.consecutive, pipeline.warm_up, pipeline.cooldown, step)
        return cls(pipeline, calendar, events)

    def judged(self, times: Stamps) -> Flags:
        """Return whether each of `times (n,)` is judged, by the calendar."""
        return self.calendar.flags(times)

    def normal(self, panel: Panel) -> Flags:
        """Return what may be learnt from, `(n, k)`."""
        train, timezone, times = self.pipeline.train, self.pipeline.timezone, panel.times
        learnt = self.judged(times)
        if train.periods:
            learnt &= np.any([in_period(times, period, timezone) for period in train.periods], axis=0)
        for period in train.exclude:
            learnt &= ~in_period(times, period, timezone)
        flags: Flags = learnt[:, np.newaxis] & ~outside(panel.values, self.pipeline.data_range)
        return flags

    def apply(self, verdicts: PanelVerdicts, memory: bytes | None) -> tuple[Decisions, bytes]:
        """Return the decisions, and what to give with the stamps that follow.

        `memory` is what the call before returned, None at the beginning. The stamps may be given in any
        number of calls: the decisions are the same. Raises StoreError for a memory that is none.
        """
        judged = self.judged(verdicts.times)[:, np.newaxis]
        beyond = judged & outside(verdicts.observed, self.pipeline.data_range)
        score = _anomaly_score(verdicts, judged, beyond)
        reached = score >= 1
        strange = beyond | self._kept(verdicts, reached)
        named, others = Memory.load(memory).divided(verdicts.labels)
        normal = score < 1
        present = normal | reached | np.logical_not(np.isnan(verdicts.observed).all(axis=2))
        anomaly, began = self.events.advance(
            verdicts.times, present, normal, reached & ~strange, strange, named
        )
        limit = np.where(reached, HELD_BACK, BELOW_ONE)
        score = np.where(anomaly, score, np.minimum(score, limit))
        return Decisions(score, anomaly, began), self._remembered(named.joined(others), verdicts.times)

    def _kept(self, verdicts: PanelVerdicts, reached: Flags) -> Flags:
        """Return which of the points that `reached` the threshold direction and deviation let through."""
        rows, columns = np.nonzero(reached)
        contributions = verdicts.contributions[rows, columns]
        expected = verdicts.expected[rows, columns]
        deviation = verdicts.observed[rows, columns] - expected
        pipeline = self.pipeline
        through = in_direction(pipeline.direction, deviation) & far_enough(
            deviation, expected, pipeline.min_deviation, pipeline.min_relative_deviation
        )
        kept = np.zeros_like(reached)
        kept[rows, columns] = (through & _leading(contributions)).any(axis=1)
        return kept

    def _remembered(self, memory: Memory, times: Stamps) -> bytes:
        return (self.events.remembered(memory, times[-1]) if len(times) else memory).dump()


def _anomaly_score(verdicts: PanelVerdicts, judged: Flags, beyond: Flags) -> Floats:
    """Return score divided by threshold, NaN where not judged and at least 1 `beyond` the data range."""
    score = np.where(judged & verdicts.scored, verdicts.score / verdicts.threshold, np.nan)
    score[beyond] = np.fmax(score[beyond], 1.0)
    return score


def _leading(contributions: Floats) -> Flags:
    """Return of `contributions (m, f)` which feature's is the largest; all, where there are none."""
    known = np.nan_to_num(contributions, nan=-1.0)
    flags: Flags = known == known.max(axis=1, keepdims=True)
    return flags
