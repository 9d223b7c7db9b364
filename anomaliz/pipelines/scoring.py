"""Scores rows of a panel, and says what is to be written of them and where the next job goes on.

snapshot ...... watermark ...... end        stamps, a step apart
   │ judged again,  │ judged and
   │ late points    │ written
   │ are written    │
memory                                       the next snapshot lies `lateness` before the end
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Flags, Stamps
from anomaliz.pipelines.ahead import expected_ahead
from anomaliz.pipelines.context import Context
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.model import Model
from anomaliz.pipelines.outcome import Kind, Outcome
from anomaliz.pipelines.policies.policies import Decisions, Policies
from anomaliz.pipelines.progress import Interval, Memory, Written
from anomaliz.pipelines.reporting import scored_report
from anomaliz.pipelines.times import ns
from anomaliz.pipelines.writing import CONTRIBUTION, Writer
from anomaliz.sinks.sink import Samples
from anomaliz.sources.source import Source
from anomaliz.store.state import PipelineState, Totals

SETTLING = 64
"""Rows that a model judges before the first that counts, so that its short memory is as it would be."""
MOST_STAMPS = 2_000
MOST_VALUES = 250_000
"""Most stamps, and most values of all series, that one job scores; the next job goes on from there.

A value is several samples: they have to fit into the queues of sinks, and into a database in time.
"""


@dataclass(frozen=True, eq=False)
class Judged:
    """Verdicts of some rows, what the policies make of them, and the memory after them."""

    verdicts: PanelVerdicts
    decisions: Decisions
    memory: Memory


class Scoring:
    """Scores one pipeline with one model."""

    def __init__(self, pipeline: Pipeline, model: Model, version: str, context: Context) -> None:
        """`version` tells the model from an earlier training's, whose memory is of no use to it."""
        self.pipeline = pipeline
        self.step = pipeline.step_ns
        self._model = model
        self._version = version
        self._context = context
        self._policies = Policies.of(pipeline, self.step)
        self._writer = Writer(pipeline)

    @property
    def lateness(self) -> np.timedelta64:
        """How far back points that come late are still scored, whole steps."""
        given = self.pipeline.score.lateness
        return 3 * self.step if given is None else ns(given) // self.step * self.step

    def most(self, state: PipelineState | None) -> np.timedelta64:
        """Return the longest time that one job scores."""
        row = max(len(Written.of(state).labels), 1) * len(self.pipeline.features)
        return max(min(MOST_STAMPS, MOST_VALUES // row), 1) * self.step

    def read(self, source: Source, interval: Interval) -> Panel:
        """Return the rows of `interval` and those before that bear on them; SourceError without answer."""
        least = 0.0 if self.pipeline.context_window is None else ns(self.pipeline.context_window) / self.step
        rows = max(self._model.reach + SETTLING, int(np.ceil(least)))
        return self._context.read(source, interval.snapshot - rows * self.step, interval.end)

    def score(
        self,
        kind: Kind,
        panel: Panel,
        interval: Interval,
        state: PipelineState | None,
        lateness: np.timedelta64,
    ) -> Outcome:
        """Score the rows of `interval` in `panel`, which ends with them; `state` is None at the beginning."""
        began = time.monotonic()
        snapshot = max(interval.snapshot, interval.end - lateness)
        remembered = self._remembered(panel, interval, state)
        early = self._judge(panel, interval.snapshot, snapshot, remembered)
        late = self._judge(panel, snapshot, interval.end, early.memory if early else remembered)
        parts = [part for part in (early, late) if part]
        verdicts, decisions = _joined(parts)
        known = Written.of(state)
        before, foretold = known.among(verdicts.times, panel.labels), known.foretold_of(panel.labels)
        scored = ~np.isnan(decisions.anomaly_score)
        fresh = scored & ~before
        samples = tuple(self._samples(verdicts, decisions, fresh, foretold))
        ahead, foretold = self._foretell(panel, parts[-1].memory, foretold)
        samples += ahead
        report = scored_report(self.pipeline, kind, panel, verdicts, decisions, fresh)
        report = replace(
            report, seconds=time.monotonic() - began, samples=sum(len(one.times) for one in samples)
        )
        kept = slice(len(early.verdicts) if early else 0, None)
        after = PipelineState(
            watermark=interval.end,
            snapshot=snapshot,
            memory=(early.memory if early else remembered).packed(),
            model=self._version,
            written=Written(verdicts.times[kept], panel.labels, (scored | before)[kept], foretold).packed(),
            totals=state.totals if state else Totals(),
        )
        self._context.keep(panel, until=snapshot)
        return Outcome(report, samples, after)

    def _remembered(self, panel: Panel, interval: Interval, state: PipelineState | None) -> Memory:
        """Return the memory at the snapshot; a model that has none there gets it from the rows before."""
        memory = Memory.of(state, self._version)
        if state is not None and memory.model is not None and state.snapshot == interval.snapshot:
            return memory
        before = panel.until(interval.snapshot)
        return replace(memory, model=self._model.score(before, min(SETTLING, len(before)), None)[1])

    def _judge(self, panel: Panel, start: np.datetime64, end: np.datetime64, memory: Memory) -> Judged | None:
        """Judge the rows of [start, end); None where that is none."""
        panel = panel.until(end)
        newest = len(panel.since(start))
        if not newest:
            return None
        verdicts, model = self._model.score(panel, newest, memory.model)
        if self.pipeline.score.threshold is not None:
            verdicts = replace(verdicts, threshold=self.pipeline.score.threshold)
        decisions, policies = self._policies.apply(verdicts, memory.policies)
        return Judged(verdicts, decisions, Memory(model, policies))

    def _samples(
        self, verdicts: PanelVerdicts, decisions: Decisions, fresh: Flags, foretold: Stamps
    ) -> Iterator[Samples]:
        times, labels = verdicts.times, verdicts.labels
        by_point = {"anomaly_score": decisions.anomaly_score, "anomaly": decisions.anomaly.astype(np.float64)}
        for name, values in by_point.items():
            yield from self._writer.by_point(name, times, labels, values, fresh)
        untold = fresh & _not_before(times, foretold)
        yield from self._writer.by_feature("expected", times, labels, verdicts.expected, untold)
        for name in ("expected_lower", "expected_upper"):
            yield from self._writer.by_feature(name, times, labels, getattr(verdicts, name), fresh)
        yield from self._writer.by_feature(CONTRIBUTION, times, labels, verdicts.contributions, fresh)

    def _foretell(self, panel: Panel, memory: Memory, foretold: Stamps) -> tuple[tuple[Samples, ...], Stamps]:
        """Return what is expected after the panel and not written yet, and `foretold` after that."""
        if not self._ahead:
            return (), foretold
        values = expected_ahead(self._model, panel, memory.model, self._ahead)
        times = panel.times[-1] + np.arange(1, self._ahead + 1) * self.step
        untold = _not_before(times, foretold)
        samples = tuple(self._writer.by_feature("expected", times, panel.labels, values, untold))
        told = np.logical_not(np.isnan(values)).any(axis=(0, 2))
        # Of a stamp and none, the larger is the stamp.
        return samples, np.where(told, np.fmax(foretold, times[-1] + self.step), foretold)

    @property
    def _ahead(self) -> int:
        """Stamps that are foretold."""
        return int(ns(self.pipeline.prediction_horizon) // self.step)


def _not_before(times: Stamps, foretold: Stamps) -> Flags:
    """Return which of the points at `times (n,)` were not `foretold (k,)`, `(n, k)`."""
    return ~(times[:, np.newaxis] < foretold)


def _joined(parts: Sequence[Judged]) -> tuple[PanelVerdicts, Decisions]:
    """Return the parts, which follow each other and are of the same series, as one."""
    first, *others = parts
    verdicts, decisions = first.verdicts, first.decisions
    for later in others:
        verdicts = verdicts.followed_by(later.verdicts)
        decisions = decisions.followed_by(later.decisions)
    return verdicts, decisions
