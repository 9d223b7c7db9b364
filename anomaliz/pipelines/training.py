"""Fits a pipeline's model on the past, and takes it only when it validates."""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from anomaliz.bundle.manifest import digest
from anomaliz.bundle.writer import replacing
from anomaliz.config.settings import Settings
from anomaliz.core.errors import ConfigError, DataError, MissingExtraError
from anomaliz.core.panel import Panel
from anomaliz.core.types import Flags
from anomaliz.data.dataset import Dataset
from anomaliz.panel.model import PanelModel
from anomaliz.pipelines.bundle_model import BundleModel
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.model import Model
from anomaliz.pipelines.outcome import Outcome, Report, TrainedModel, version_of
from anomaliz.pipelines.policies.policies import Policies
from anomaliz.pipelines.reading import read_panel
from anomaliz.pipelines.times import floor, ns
from anomaliz.sources.source import Source

LEAST_ROWS = 1000
"""That are read where no window was given: a week of an hourly metric is too little to know what is rare."""
VALIDATED_ROWS = 288
"""Newest rows of the training that a new model is tried on."""
MOST_ANOMALOUS = 0.5
"""Share of them that it may find anomalous: beyond, it has not learnt what is normal."""


def train(pipeline: Pipeline, settings: Settings, source: Source, now: np.datetime64) -> Outcome:
    """Fit the pipeline's model on its newest window, or on its periods.

    Raises SourceError where the source cannot be asked, DataError where there is too little to learn from or
    the new model does not validate: then the old one stays.
    """
    if not pipeline.trains:
        raise ConfigError(
            f"pipeline {pipeline.name} scores with a bundle of somebody else's: give it train to train it",
            field="train",
        )
    began = time.monotonic()
    start, end = _interval(pipeline, now)
    panel = read_panel(source, pipeline, start, end)
    if not panel.present.any():
        raise DataError(
            f"pipeline {pipeline.name} finds no data to train on from {_text(start)} to {_text(end)}: "
            "check its query and train.window"
        )
    normal = Policies.of(pipeline, pipeline.step_ns).normal(panel)
    fit = _fit_panel if pipeline.bundle is None else _fit_bundle
    model = fit(pipeline, settings, panel, normal)
    report = Report(
        pipeline=pipeline.name,
        kind="train",
        status="ok",
        message=model.facts,
        ended=time.time(),
        seconds=time.monotonic() - began,
        series=len(panel.labels),
        rows=len(panel),
    )
    return Outcome(report, model=model)


def _interval(pipeline: Pipeline, now: np.datetime64) -> tuple[np.datetime64, np.datetime64]:
    """Return what is read; of several periods the policies leave out what is between them."""
    end, step = floor(now, pipeline.step_ns), pipeline.step_ns
    periods = [period.interval(pipeline.timezone) for period in pipeline.train.periods]
    if not periods:
        window = ns(pipeline.train.window)
        if "window" not in pipeline.train.model_fields_set:
            window = max(window, LEAST_ROWS * step)
        return floor(end - window, step), end
    first, last = min(start for start, _ in periods), max(stop for _, stop in periods)
    return floor(first, step), min(last, end)


def _fit_panel(pipeline: Pipeline, settings: Settings, panel: Panel, normal: Flags) -> TrainedModel:
    model = PanelModel.fit(
        panel,
        pipeline.step_ns,
        normal,
        tail_quantile=settings.detection.calibration.tail_quantile,
        alert_budget=pipeline.score.alert_budget or settings.detection.threshold.alert_budget,
    )
    content = model.dump()
    _validate(PanelModel.load(content), pipeline, panel, normal)
    facts = f"{_facts(panel)}, threshold {model.threshold:.3f}"
    if model.left_out:
        facts = f"{facts}; {len(model.left_out)} series have too few samples yet"
    return TrainedModel(version_of(pipeline, digest(content)[:16]), content, facts)


def _fit_bundle(pipeline: Pipeline, settings: Settings, panel: Panel, normal: Flags) -> TrainedModel:
    """Train the bundle beside the one that scores, and put it into its place when it validates."""
    out = pipeline.bundle
    if not isinstance(out, Path):
        raise ConfigError(
            f"pipeline {pipeline.name} cannot train {out}: give bundle as a folder, or leave out train",
            field="bundle",
        )
    if len(panel.labels) > 1:
        raise DataError(
            f"pipeline {pipeline.name} gives {len(panel.labels)} series and a bundle is trained on one: "
            "narrow the query, or use detectors: series"
        )
    try:
        from anomaliz.training.pipeline import train as train_bundle
    except ImportError:
        raise MissingExtraError.of("training a bundle", "train") from None
    dataset = Dataset(
        np.where(normal[:, 0, np.newaxis], panel.values[:, 0], np.nan),
        panel.times,
        panel.features,
        step=pipeline.step_ns,
        name=pipeline.name,
    )
    with tempfile.TemporaryDirectory(prefix="anomaliz-") as folder:
        trained = train_bundle(settings, dataset, Path(folder) / out.absolute().name)
        _validate(BundleModel(trained.bundle), pipeline, panel, normal)
        with replacing(out) as directory:
            shutil.copytree(trained.directory, directory, dirs_exist_ok=True)
    facts = f"{_facts(panel)}, bundle {trained.bundle.version}"
    return TrainedModel(version_of(pipeline, trained.bundle.version), b"", facts)


def _validate(model: Model, pipeline: Pipeline, panel: Panel, normal: Flags) -> None:
    """Score the newest rows; raises DataError where the model cannot, or finds too much anomalous."""
    newest = min(VALIDATED_ROWS, len(panel))
    verdicts, _ = model.score(panel, newest, None)
    judged = verdicts.scored & normal[len(panel) - newest :]
    if not judged.any():
        raise DataError(
            f"the new model of pipeline {pipeline.name} can score none of the newest {newest} rows: "
            "give a longer train.window"
        )
    anomalous = float((verdicts.score >= verdicts.threshold)[judged].mean())
    if anomalous > MOST_ANOMALOUS:
        raise DataError(
            f"the new model of pipeline {pipeline.name} finds {anomalous:.0%} of the newest rows anomalous "
            "and is not taken: exclude what is not normal with train.exclude, or give a longer train.window"
        )


def _facts(panel: Panel) -> str:
    return f"{len(panel.labels)} series, {len(panel)} rows to {_text(panel.times[-1])}"


def _text(stamp: np.datetime64) -> str:
    return f"{np.datetime_as_string(stamp, 's')}Z"
