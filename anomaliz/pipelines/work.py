"""Jobs: what is computed, anywhere, with nothing but what the task brings and the source has."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.panel.model import PanelModel
from anomaliz.pipelines.bundle_model import BundleModel
from anomaliz.pipelines.context import Context
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.live import look_newest, score_newest
from anomaliz.pipelines.model import Model
from anomaliz.pipelines.outcome import Kind, Outcome, TrainedModel, version_of
from anomaliz.pipelines.progress import Interval, continued
from anomaliz.pipelines.scoring import Scoring
from anomaliz.pipelines.systems import SourceSettings, open_source
from anomaliz.pipelines.training import train
from anomaliz.sources.source import Source
from anomaliz.store.state import PipelineState


@dataclass(frozen=True, eq=False)
class Task:
    """One job with all that it needs."""

    kind: Kind
    pipeline: Pipeline
    source: SourceSettings
    settings: Settings
    now: np.datetime64
    """UTC, nanoseconds."""
    state: PipelineState | None = None
    model: TrainedModel | None = None
    """The newest; None where none was trained yet, or a bundle scores."""
    start: np.datetime64 | None = None
    """Of a backfill, as is `end`."""
    end: np.datetime64 | None = None
    revision: int = 0
    """Of the state, in the store."""

    @property
    def interval(self) -> tuple[np.datetime64, np.datetime64]:
        """What a backfill scores, [start, end)."""
        assert self.start is not None
        assert self.end is not None
        return self.start, self.end

    @property
    def seconds(self) -> float:
        """How long it may take."""
        return self.pipeline.train.timeout if self.kind == "train" else self.pipeline.score.timeout


def work(task: Task) -> Outcome:
    """Do the job; nothing is written or committed. Raises AnomalizError in one sentence."""
    source = open_source(task.source)
    try:
        match task.kind:
            case "train":
                return train(task.pipeline, task.settings, source, task.now)
            case "score" if task.model is None and task.pipeline.bundle is None:
                return look_newest(task.pipeline, source, task.now)
            case "score":
                scoring = _scoring(task, task.settings.pipelines.folder / "context")
                return score_newest(scoring, source, task.now, continued(task.state, task.pipeline))
            case "backfill":
                return _backfill(task, source)
    finally:
        source.close()


def _backfill(task: Task, source: Source) -> Outcome:
    """Score the next part of [start, end), that after the watermark, whether or not there are data."""
    start, end = task.interval
    scoring = _scoring(task, context=None)
    first = start if task.state is None else task.state.watermark
    interval = Interval(first, first, min(end, first + scoring.most(task.state)))
    return scoring.score("backfill", scoring.read(source, interval), interval, task.state, 0 * scoring.step)


def model_of(task: Task) -> tuple[Model, str]:
    """Return the model that scores, and its version; DataError where there is none yet."""
    pipeline = task.pipeline
    if pipeline.bundle is not None:
        bundle = BundleModel.load(pipeline.bundle, task.settings)
        return bundle, version_of(pipeline, bundle.version)
    if task.model is None:
        raise DataError(f"pipeline {pipeline.name} has no model yet: train it first")
    return PanelModel.load(task.model.content), task.model.version


def _scoring(task: Task, context: Path | None) -> Scoring:
    """Return what scores the pipeline; `context` is the folder of what was read before."""
    model, version = model_of(task)
    # Secrets are masked in it.
    place = task.source.model_dump_json()
    return Scoring(task.pipeline, model, version, Context(context, task.pipeline, place, version))
