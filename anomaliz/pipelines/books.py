"""What jobs begin from and end in: tasks made of the store, outcomes written and then committed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError, ConfigError, SourceError
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.open_sinks import OpenSinks
from anomaliz.pipelines.outcome import Kind, Outcome, Report, TrainedModel, is_of
from anomaliz.pipelines.times import ceiling, floor, utc_now
from anomaliz.pipelines.work import Task, work
from anomaliz.sinks.remote_write import RemoteWriteSink
from anomaliz.sinks.sink import Samples, Sink
from anomaliz.store.database import Store


class Books:
    """Has the store and the sinks, which are opened when first written to. Threads may share it."""

    def __init__(self, store: Store, definitions: Definitions, settings: Settings) -> None:
        self.store = store
        self._definitions = definitions
        self._settings = settings
        self._sinks = OpenSinks(settings.pipelines.folder)

    @classmethod
    @contextmanager
    def opened(cls, definitions: Definitions, settings: Settings) -> Iterator[Self]:
        """Give the books of a block; what was written in it has arrived, and was taken, when it ends well."""
        store = Store(settings.pipelines.store.get_secret_value())
        books = cls(store, definitions, settings)
        try:
            yield books
            books.flush()
            books.require_taken()
        finally:
            books.close()
            store.close()

    def run(self, kind: Kind, pipeline: Pipeline) -> Iterator[Report]:
        """Do a job here and now, and before it the first training where there was none; yield each report."""
        if kind == "score" and self.lacks_model(pipeline):
            yield from self.run("train", pipeline)
        task = self.task(kind, pipeline)
        outcome = work(task)
        self.finish(task, outcome)
        yield outcome.report

    def lacks_model(self, pipeline: Pipeline) -> bool:
        """Return whether the pipeline has to be trained before it can score what it reads now."""
        if pipeline.bundle is not None:
            return False
        models = self.store.models(pipeline.name)
        return not models or not is_of(models[0].version, pipeline)

    def task(self, kind: Kind, pipeline: Pipeline, now: np.datetime64 | None = None) -> Task:
        """Return the pipeline's next job of this kind; StoreError where the store cannot be read."""
        state, revision = self.store.state(pipeline.name)
        model = None if self.lacks_model(pipeline) else self.store.model(pipeline.name)
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
        """Return the job that scores the stamps in [start, end), those before now.

        It has neither the pipeline's state nor its model, which knows what came after the start. Raises
        ConfigError where nothing is between them.
        """
        step, now = pipeline.step_ns, utc_now()
        first, last = ceiling(start, step), min(ceiling(end, step), floor(now, step))
        if last <= first:
            raise ConfigError(
                "there is nothing to score from start to end: give a start before the end, in the past"
            )
        source = self._definitions.source_of(pipeline)
        return Task("backfill", pipeline, source, self._settings, now, start=first, end=last)

    def finish(self, task: Task, outcome: Outcome) -> None:
        """Write the samples to every sink, then commit the state and keep the model.

        Raises SourceError, with nothing committed, where a sink takes nothing: the next job does it again.
        """
        self.write(task.pipeline, outcome.samples)
        if outcome.state is not None and task.kind == "score":
            self.store.commit(task.pipeline.name, outcome.state, task.revision)
        if outcome.model is not None and task.kind == "train":
            model = outcome.model
            self.store.add_model(task.pipeline.name, model.version, model.content, model.facts)

    def fail(self, task: Task, error: AnomalizError, seconds: float) -> Report:
        """Count a job that failed, and return its report."""
        if task.state is not None and task.kind == "score":
            totals = replace(task.state.totals, failures=task.state.totals.failures + 1)
            self.store.commit(task.pipeline.name, replace(task.state, totals=totals), task.revision)
        return Report(task.pipeline.name, task.kind, "failed", str(error), ended=time.time(), seconds=seconds)

    def write(self, pipeline: Pipeline, samples: Sequence[Samples]) -> None:
        """Write to every sink of the pipeline; SourceError where one takes nothing."""
        if not samples:
            return
        for name, settings in self._definitions.sinks_of(pipeline).items():
            with self._sinks.taken(name, settings) as sink:
                sink.write(samples)

    def flush(self) -> None:
        """Return when all that was written has arrived; SourceError where it has not in time."""
        for sink in self.sinks().values():
            sink.flush()

    def require_taken(self) -> None:
        """Raise SourceError where a sink's server refused samples, which are lost then."""
        for name, sink in self.sinks().items():
            if isinstance(sink, RemoteWriteSink) and sink.dropped:
                raise SourceError(
                    f"{sink.dropped:,} samples are lost, since sink {name} refused them: {sink.refusal}; "
                    "mend that, and write them by a backfill"
                )

    def sinks(self) -> dict[str, Sink]:
        """Return the sinks that are open, by name."""
        return self._sinks.now()

    def redefine(self, definitions: Definitions) -> None:
        """Go on with other definitions: sinks that are others now are closed."""
        self._definitions = definitions
        self._sinks.keep(definitions.sinks)

    def close(self) -> None:
        """Let go of the sinks; the store stays open."""
        self._sinks.close()
