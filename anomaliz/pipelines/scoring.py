"""Scores a pipeline from where it stopped.

 snapshot ...... watermark ...... end        stamps, a step apart
    │ judged again,  │ judged and
    │ late points    │ written
    │ are written    │
 memory                                       the next snapshot lies `lateness` before the end
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Flags
from anomaliz.pipelines.ahead import expected_ahead
from anomaliz.pipelines.context import Context
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.model import Model
from anomaliz.pipelines.outcome import Kind, Outcome
from anomaliz.pipelines.policies.policies import Decisions, Policies
from anomaliz.pipelines.progress import Interval, Memory, Written
from anomaliz.pipelines.reporting import added, data_age, no_data_report, scored_report
from anomaliz.pipelines.writing import Writer
from anomaliz.sinks.sink import Samples
from anomaliz.sources.source import Source
from anomaliz.store.state import PipelineState, Totals

SETTLING = 64
"""Rows that a model judges before the first that counts, so that its short memory is as it would be."""
MOST_STAMPS = 2_000
MOST_POINTS = 4_000_000
"""Most stamps, and most points of all series, that one job scores; the next job goes on from there."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Some rows' verdicts, what the policies make of them, and the memory after them."""

    verdicts: PanelVerdicts
    decisions: Decisions
    memory: Memory


class Scoring:
    """Scores one pipeline with one model."""

    def __init__(self, pipeline: Pipeline, model: Model, source: Source, context: Context) -> None:
        self._pipeline = pipeline
        self._step = pipeline.step_ns
        self._model = model
        self._source = source
        self._context = context
        self._policies = Policies.of(pipeline, self._step)
        self._writer = Writer(pipeline)

    def score(self, now: np.datetime64, state: PipelineState | None) -> Outcome:
        """Score what is new at `now`; SourceError where the source cannot be asked.

        The watermark moves behind the newest sample and no further, so that data which come back are all scored.
        """
        began = time.monotonic()
        until = self._known_until(now)
        interval = self._next(until, state)
        panel = self._read(interval)
        if not self._has_new(panel, interval) and interval.end < until:
            # So long a gap that it would never be left behind: look at its other end.
            interval, state = self._newest(until, state), None
            panel = self._read(interval)
        return self._found(panel, interval, now, state, began)

    def _found(
        self,
        panel: Panel,
        interval: Interval,
        now: np.datetime64,
        state: PipelineState | None,
        began: float,
    ) -> Outcome:
        pipeline, age = self._pipeline, data_age(panel, now)
        if not self._has_new(panel, interval):
            report = no_data_report(pipeline, "score", age, time.monotonic() - began)
            after = state and replace(state, totals=added(state.totals, report))
            return Outcome(report, tuple(self._said(now, missing=True)), after)
        end = cast(np.datetime64, panel.times[np.flatnonzero(panel.present.any(axis=1))[-1]] + self._step)
        outcome = self._scored("score", panel, replace(interval, end=end), state, self._lateness)
        late = pipeline.max_data_age is not None and age is not None and age > pipeline.max_data_age
        missing = late or end < interval.end
        report = replace(outcome.report, seconds=time.monotonic() - began, data_age=age)

    def backfill(
        self, start: np.datetime64, end: np.datetime64, state: PipelineState | None
    ) -> Outcome:
        """Score the next part of [start, end), after that of `state`, whether or not there are data."""
        began = time.monotonic()
        first = start if state is None else state.watermark
        interval = Interval(first, first, min(end, first + self._most(state) * self._step))
        outcome = self._scored("backfill", self._read(interval), interval, state, 0 * self._step)
        return replace(outcome, report=replace(outcome.report, seconds=time.monotonic() - began))
