"""A run of a pipeline: one job, from the moment it is due until its outcome is committed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Kind, Report
from anomaliz.store.state import Totals


@dataclass(frozen=True)
class Run:
    """What is to be done."""

    pipeline: Pipeline
    kind: Kind
    job: str | None = None
    """Id of the job in the store, where somebody asked for it."""
    start: np.datetime64 | None = None
    """Of a backfill."""
    end: np.datetime64 | None = None
    progress: Callable[[float], None] = lambda _: None
    """Told how far a backfill is, in [0, 1]."""
    began: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> tuple[str, Kind]:
        """Of those with one key, only one is under way."""
        return self.pipeline.name, self.kind

    @property
    def is_long(self) -> bool:
        """Whether it may take an hour, where scoring takes seconds."""
        return self.kind != "score"

    def failed(self, message: str) -> Report:
        """Return the report of a run that gave no outcome."""
        seconds = time.monotonic() - self.began
        return Report(self.pipeline.name, self.kind, "failed", message, ended=time.time(), seconds=seconds)

    def done(self, totals: Totals) -> Report:
        """Return the report of a backfill."""
        message = f"{totals.points} points, {totals.events} events"
        seconds = time.monotonic() - self.began
        return Report(
            self.pipeline.name,
            self.kind,
            "ok",
            message,
            ended=time.time(),
            seconds=seconds,
            points=totals.points,
            events=totals.events,
        )
