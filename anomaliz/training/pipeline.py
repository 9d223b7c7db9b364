"""The training pipeline: prepare, run the seeds, assemble the bundle, put it in place."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from anomaliz import __version__
from anomaliz.bundle import series_file
from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import (
    FORMAT_VERSION,
    HISTORY_FILE,
    MANIFEST_FILE,
    METADATA_FILE,
    METRICS_FILE,
    NORMALIZER_FILE,
    SERIES_FILE,
    THRESHOLD_FILE,
    Manifest,
    digest,
)
from anomaliz.bundle.writer import replacing
from anomaliz.config.settings import Settings
from anomaliz.data.dataset import Dataset
from anomaliz.detection.profile import WINDOW_PROFILE
from anomaliz.detection.series_profile import SERIES_PROFILE
from anomaliz.models.registry import window_detector
from anomaliz.training.evaluation import summarise
from anomaliz.training.preparation import Prepared, prepare
from anomaliz.training.progress import shown
from anomaliz.training.seed import SeedRun
from anomaliz.training.series import SeriesRun, fit_series_profile
from anomaliz.training.sweep import Variant, variants
from anomaliz.training.workers import Task, run_all

HISTORY_ROWS = 3000
"""Rows of the training series' tail that a bundle keeps."""


@dataclass(frozen=True)
class Trained:
    """A finished training: the bundle as it is on disk."""

    bundle: Bundle
    directory: Path


def train(settings: Settings, dataset: Dataset, out: Path, *, sweep: bool = False) -> Trained:
    """Train every seed (of every variant, with `sweep`) on `dataset` and write the bundle to `out`.

    The old bundle in `out` stays until the new one is whole. Raises DataError for unusable data.
    """
    began = time.perf_counter()
    for member in settings.detection.members:
        window_detector(member)  # refuses an unknown name before anything is trained
    plan = variants(settings) if sweep else [Variant.of(settings)]
    prepared = {variant: prepare(dataset, variant.window_size) for variant in plan}
    with replacing(out) as directory:
        tasks = _tasks(plan, prepared, settings, directory)
        with shown(
            [task.name for task in tasks], settings.detection.members, settings.training.epochs
        ) as report:
            runs = run_all(tasks, settings.training.workers, report)
        by_variant = _grouped(plan, runs, settings.training.n_seeds)
        main = by_variant[plan[0]]
        series = fit_series_profile(prepared[plan[0]], settings)
        _write_state(directory, main[0], prepared[plan[0]], series)
        _write_json(directory / METRICS_FILE, _metrics(main, by_variant if sweep else {}, series))
        _write_json(
            directory / METADATA_FILE, _metadata(settings, prepared[plan[0]], time.perf_counter() - began)
        )
        _write_manifest(directory, out.absolute().name, settings, prepared[plan[0]], series)
        Bundle.load(directory)
    return Trained(Bundle.load(out), out)


def _tasks(
    plan: Sequence[Variant], prepared: dict[Variant, Prepared], settings: Settings, directory: Path
) -> list[Task]:
    """One task for each variant and seed; the first, which ships, saves its files into the bundle."""
    tasks: list[Task] = []
    for variant in plan:
        for seed in range(settings.training.seed, settings.training.seed + settings.training.n_seeds):
            name = f"seed {seed}" if len(plan) == 1 else f"{variant.name}, seed {seed}"
            save_to = None if tasks else directory
            tasks.append(Task(name, seed, prepared[variant], variant.applied_to(settings), save_to))
    return tasks


def _grouped(
    plan: Sequence[Variant], runs: Sequence[SeedRun], n_seeds: int
) -> dict[Variant, Sequence[SeedRun]]:
    return {variant: runs[i * n_seeds : (i + 1) * n_seeds] for i, variant in enumerate(plan)}


def _write_state(directory: Path, run: SeedRun, prepared: Prepared, series: SeriesRun | None) -> None:
    _write_json(directory / NORMALIZER_FILE, run.normalizer)
    profiles = {WINDOW_PROFILE: run.profile}
    if series:
        profiles[SERIES_PROFILE], file = series_file.dump(series.scorer, series.state)
        (directory / SERIES_FILE).write_bytes(file)
    _write_json(directory / THRESHOLD_FILE, profiles)
    train = prepared.train
    tail = slice(-HISTORY_ROWS, None)
    stop = prepared.split.validation.stop
    history = {
        "values": prepared.dataset.values[:stop][tail],
        "canary": train.windows[train.picked[train.clean][-1]],
    }
    if prepared.dataset.times is not None:
        history["times"] = prepared.dataset.times[:stop][tail].astype("datetime64[ns]").astype(np.int64)
    np.savez(directory / HISTORY_FILE, allow_pickle=False, **history)


def _metrics(
    runs: Sequence[SeedRun], ablation: dict[Variant, Sequence[SeedRun]], series: SeriesRun | None
) -> dict[str, Any]:
    shipped = runs[0]
    return {
        "seed": shipped.seed,
        "test": shipped.test,
        "series": series.test if series else None,
        "curves": shipped.curves,
        "learning_curves": shipped.losses,
        "seeds": {str(run.seed): run.test for run in runs},
        "summary": summarise([run.test for run in runs]),
        "ablation": [
            {**variant.describe(), "summary": summarise([run.test for run in group])}
            for variant, group in ablation.items()
        ],
    }


def _metadata(settings: Settings, prepared: Prepared, seconds: float) -> dict[str, Any]:
    dataset = prepared.dataset
    return {
        "data": {
            "name": dataset.name,
            "rows": len(dataset),
            "sha256": digest(np.ascontiguousarray(dataset.values).tobytes()),
            "first": _stamp(dataset, 0),
            "last": _stamp(dataset, -1),
            "labelled": dataset.labels is not None,
            "split": {name: [part.start, part.stop] for name, part in prepared.split._asdict().items()},
        },
        "settings": settings.model_dump(mode="json", include={"data", "models", "training", "detection"}),
        "training_seconds": round(seconds, 1),
    }


def _write_manifest(
    directory: Path, name: str, settings: Settings, prepared: Prepared, series: SeriesRun | None
) -> None:
    files = {
        path.relative_to(directory).as_posix(): digest(path.read_bytes())
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    created = datetime.now(UTC)
    step = prepared.dataset.step
    profiles = {WINDOW_PROFILE: list(settings.detection.members)}
    if series:
        profiles[SERIES_PROFILE] = list(series.scorer.profile.detectors)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        version=f"{created:%Y%m%dT%H%M%SZ}-{digest(json.dumps(files).encode())[:8]}",
        product_version=__version__,
        created=created.isoformat(timespec="seconds"),
        features=prepared.dataset.features,
        step_seconds=None if step is None else float(step / np.timedelta64(1, "s")),
        window_size=prepared.window_size,
        profiles=profiles,
        files=files,
    )
    (directory / MANIFEST_FILE).write_bytes(manifest.to_bytes())


def _stamp(dataset: Dataset, row: int) -> str | None:
    return None if dataset.times is None else f"{np.datetime_as_string(dataset.times[row], 's')}Z"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
