"""What a pipeline's jobs begin from and end in: tasks made of the store, outcomes written and committed."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from threading import Lock

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.outcome import Kind, Outcome, Report, TrainedModel
from anomaliz.pipelines.systems import SinkSettings, open_sink
from anomaliz.pipelines.times import floor
from anomaliz.pipelines.work import Task
from anomaliz.sinks.sink import Samples, Sink
from anomaliz.store.database import Store


def utc_now() -> np.datetime64:
    """Return the time, UTC in nanoseconds."""
    return np.datetime64(time.time_ns(), "ns")


class Books:
    """Opens the sinks when they are first written to; safe to use from several threads."""

    def __init__(self, store: Store, definitions: Definitions, settings: Settings) -> None:
        self._store = store
        self._definitions = definitions
        self._settings = settings
        self._sinks: dict[str, tuple[SinkSettings, Sink]] = {}
        self._lock = Lock()

    def task(self, kind: Kind, pipeline: Pipeline, now: np.datetime64 | None = None) -> Task:
        """Return the pipeline's next job of this kind; StoreError where the store cannot be read."""
        state, revision = self._store.state(pipeline.name)
        model = self._store.model(pipeline.name)
        return Task(
            kind,
            pipeline,
            self._definitions.source_of(pipeline),
            self._settings,
            utc_now() if now is None else now,
            state,
            TrainedModel(model.version, model.content, model.facts) if model else None,
            revision=revision,
        )

    def backfill_task(self, pipeline: Pipeline, start: np.datetime64, end: np.datetime64) -> Task:
        """Return the job that scores what the pipeline's grid has in [start, end), up to now."""
        step, now = pipeline.step_ns, utc_now()
        first = -floor(-start.astype("datetime64[ns]").astype(np.int64), step)
