"""One training run with one seed: fit the members, join their graphs, calibrate, evaluate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from anomaliz.bundle.graph import scoring_graph
from anomaliz.bundle.manifest import GRAPH_FILE
from anomaliz.bundle.session import ScoringSession
from anomaliz.config.settings import Settings
from anomaliz.core.detector import WindowDetector
from anomaliz.core.types import Floats
from anomaliz.detection.fusion import LSTM_PREFIX, window_weights
from anomaliz.detection.profile import WINDOW_PROFILE, Judgement, Profile
from anomaliz.models.keras_training import Schedule
from anomaliz.models.registry import create, window_detector
from anomaliz.preprocessing.normalizer import RangeNormalizer
from anomaliz.training import evaluation
from anomaliz.training.preparation import Part, Prepared


@dataclass(frozen=True)
class Progress:
    """News of a run: a member has finished an epoch, or its training."""

    run: str
    member: str
    epoch: int
    loss: float | None = None
    seconds: float | None = None
    """Set when the member is fitted."""


Report: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True)
class Fitted:
    """The window detectors of one seed, fitted and calibrated."""

    members: list[WindowDetector]
    normalizer: RangeNormalizer
    graph: bytes
    session: ScoringSession
    profile: Profile

    def judge(self, part: Part) -> Judgement:
        """Judge the complete windows of `part`."""
        return self.profile.judge(self.session.read(part.windows, part.picked), part.windows.shape[2])


@dataclass(frozen=True)
class SeedRun:
    """What one seed's run gave, as plain data."""

    seed: int
    profile: dict[str, Any]
    """`Profile.to_json` of the window profile."""
    normalizer: dict[str, Any]
    test: dict[str, Any]
    curves: dict[str, Any]
    losses: dict[str, list[float]]
    """Held-back loss by epoch, of the LSTMs."""


def run_seed(
    prepared: Prepared, settings: Settings, seed: int, name: str, report: Report, save_to: Path | None = None
) -> SeedRun:
    """Train every member with `seed`; write detectors and graph into `save_to` when it is given."""
    fitted = fit_window_profile(prepared, settings, seed, name, report)
    if save_to:
        _save(fitted.members, fitted.graph, save_to)
    profile, validation, test = fitted.profile, prepared.validation, prepared.test
    judged = fitted.judge(test)
    thresholds = evaluation.thresholds(
        profile, fitted.judge(validation), validation.labels, settings.detection.threshold.alert_budget
    )
    return SeedRun(
        seed,
        profile.to_json(),
        fitted.normalizer.to_json(),
        evaluation.evaluate(profile, judged, test.labels, thresholds),
        evaluation.curves(profile, judged, test.labels),
        {member.name: member.losses_ for member in fitted.members if hasattr(member, "losses_")},
    )


def fit_window_profile(
    prepared: Prepared, settings: Settings, seed: int, name: str, report: Report
) -> Fitted:
    """Fit the window detectors with `seed`, join their graphs, and calibrate them on validation."""
    normalizer = RangeNormalizer.fit(prepared.normal_training_rows, prepared.dataset.features)
    windows = _training_windows(prepared.train, normalizer, settings)
    members = _fit_members(windows, settings, seed, name, report)
    graph = scoring_graph(normalizer, members).SerializeToString()
    session = ScoringSession(graph)
    names = [member.name for member in members]
    profile = _calibrate(session, prepared.train, prepared.validation, settings, names)
    return Fitted(members, normalizer, graph, session, profile)


def _training_windows(train: Part, normalizer: RangeNormalizer, settings: Settings) -> Floats:
    picked = train.picked[train.clean]
    if len(picked) > settings.training.max_windows:
        picked = picked[np.linspace(0, len(picked) - 1, settings.training.max_windows).astype(int)]
    return normalizer.transform(train.windows[picked])


def _fit_members(
    windows: Floats, settings: Settings, seed: int, run: str, report: Report
) -> list[WindowDetector]:
    members = []
    for name in settings.detection.members:
        began = time.perf_counter()
        member = create(name, **_params(name, settings, seed, partial(_epoch_done, report, run, name)))
        members.append(member.fit(windows))
        epochs = len(getattr(member, "losses_", [1]))
        report(Progress(run, name, epochs, seconds=time.perf_counter() - began))
    return members


def _epoch_done(report: Report, run: str, member: str, epoch: int, loss: float) -> None:
    report(Progress(run, member, epoch, loss))


def _params(
    name: str, settings: Settings, seed: int, on_epoch: Callable[[int, float], None]
) -> dict[str, Any]:
    own = getattr(settings.models, name).model_dump()
    if not name.startswith(LSTM_PREFIX):
        return {**own, "seed": seed} if window_detector(name).seeded else own
    schedule = settings.training.model_dump(include={"epochs", "batch_size", "learning_rate", "patience"})
    return {**own, "seed": seed, "schedule": Schedule(**schedule), "on_epoch": on_epoch}


def _calibrate(
    session: ScoringSession, train: Part, validation: Part, settings: Settings, members: list[str]
) -> Profile:
    weights = window_weights(members, settings.detection.fusion.weight_lstm)
    return Profile.calibrate(
        WINDOW_PROFILE,
        dict(zip(members, weights.tolist(), strict=True)),
        training=session.read(train.windows, train.picked[train.clean]),
        validation=session.read(validation.windows, validation.picked),
        observed=validation.observed,
        normal=validation.clean,
        labels=validation.labels,
        tail_quantile=settings.detection.calibration.tail_quantile,
        alert_budget=settings.detection.threshold.alert_budget,
    )


def _save(members: list[WindowDetector], graph: bytes, directory: Path) -> None:
    for member in members:
        member.save(directory / member.name)
    (directory / GRAPH_FILE).write_bytes(graph)
