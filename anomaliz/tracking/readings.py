"""What a run shows of a training: its metrics as points, from the bundle's own files."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from anomaliz.core.verdict import FUSED
from anomaliz.tracking.record import TrainingRecord
from anomaliz.training.evaluation import SUMMARISED

MATTER = ("f1", "pr_auc", "roc_auc", "false_alarm_rate")
"""The metrics by which a person compares bundles."""
COMPARED = (*MATTER, *(f"series_{name}" for name in MATTER))
"""Their names: of the fusion of the window profile, and of the series profile."""
SERIES = "series_profile"


class Point(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    step: int = 0


def points(metrics: Mapping[str, Any], record: TrainingRecord) -> list[Point]:
    """Return every point of a run: by seed, over seeds, by epoch, and of the machine.

    `metrics` is the content of a bundle's `metrics.json`. Names have at most one `/`, since MLflow groups by
    what is before it; undefined values are left out.
    """
    seeds = ((int(seed), test) for seed, test in metrics["seeds"].items())
    found = [
        *(point for seed, test in seeds for point in _by_seed(seed, test)),
        *summary_points(metrics["summary"]),
        *_of(SERIES, metrics["series"] or {}, 0),
        *_learning_curves(metrics["learning_curves"]),
        Point("system/duration_seconds", record.ended - record.began),
        Point("system/peak_memory_megabytes", record.peak_memory),
        Point("system/largest_worker_peak_memory_megabytes", record.worker_peak_memory),
    ]
    # The UI lists them in this order, and the fusion is what a person looks for.
    return sorted(found, key=lambda point: not point.name.startswith(f"{FUSED}/"))


def summary_points(summary: Mapping[str, Any]) -> Iterator[Point]:
    """Return mean and standard deviation over seeds of each detector's metrics."""
    for detector, found in summary.items():
        for metric, value in found.items():
            if value is not None:
                yield Point(f"{detector}/{metric}_mean", value["mean"])
                yield Point(f"{detector}/{metric}_std", value["std"])


def metrics_that_matter(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return those of COMPARED that a bundle has; the fusion's are means over seeds."""
    fused = [(metrics["summary"][FUSED][name] or {}).get("mean") for name in MATTER]
    series = [(metrics["series"] or {}).get(name) for name in MATTER]
    found = zip(COMPARED, [*fused, *series], strict=True)
    return {name: value for name, value in found if value is not None}


def _by_seed(seed: int, test: Mapping[str, Any]) -> Iterator[Point]:
    for detector, found in test.items():
        yield from _of(detector, found, seed)


def _of(group: str, found: Mapping[str, Any], step: int) -> Iterator[Point]:
    for metric in (*SUMMARISED, "threshold"):
        if found.get(metric) is not None:
            yield Point(f"{group}/{metric}", found[metric], step)


def _learning_curves(losses: Mapping[str, list[float]]) -> Iterator[Point]:
    for detector, by_epoch in losses.items():
        for epoch, loss in enumerate(by_epoch, start=1):
            yield Point(f"{detector}/validation_loss", loss, epoch)
