"""What a Prometheus that scrapes the service reads of its pipelines: their newest runs, points and scores."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from anomaliz.core.labels import Labels, LabelSet, label_set
from anomaliz.core.types import Floats
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Kind, Latest, Report, RunStatus
from anomaliz.store.state import Totals

NOT_IN_LABEL = re.compile(r"[^a-zA-Z0-9_]")
HELP = {
    "anomaly_score": "Score divided by threshold: 1 and above is anomalous.",
    "anomaly": "Whether the newest point is anomalous.",
    "expected": "What the newest point was expected to be.",
    "expected_lower": "Lower end of what was to be expected of the newest point.",
    "expected_upper": "Upper end of what was to be expected of the newest point.",
    "contribution": "Share of a feature in the score of the newest point.",
}
"""The written series, of which the newest points are shown."""

Points = list[tuple[dict[str, str], float]]


class PipelineExporter(Collector):
    """Shows the newest point of each series, and what the newest runs did.

    What is not known is absent: there is no score where a run found no data or failed. Threads may share it.
    """

    def __init__(
        self, prefix: str, registry: CollectorRegistry, clock: Callable[[], float] = time.time
    ) -> None:
        self._prefix = prefix
        self._clock = clock
        self._pipelines: dict[str, Pipeline] = {}
        self._shown: dict[str, _Shown] = {}
        self._lock = Lock()
        registry.register(self)

    def define(self, pipelines: Iterable[Pipeline]) -> None:
        """Show these pipelines and no others; their definitions say what written series are called."""
        with self._lock:
            self._pipelines = {pipeline.name: pipeline for pipeline in pipelines}
            for name in self._shown.keys() - self._pipelines.keys():
                del self._shown[name]

    def update(self, report: Report, totals: Totals | None = None, model: str | None = None) -> None:
        """Show a run that ended; what is None stays as it was. `model` is the version of the newest model."""
        with self._lock:
            self._of(report.pipeline).take(report, totals, model)

    def restore(self, pipeline: str, report: Report | None, totals: Totals | None, model: str | None) -> None:
        """Show what was known before a restart; the run itself is not counted again."""
        with self._lock:
            shown = self._of(pipeline)
            if report is not None:
                shown.remember(report)
            shown.know(totals, model)

    def forget(self, pipeline: str) -> None:
        """Show nothing of a pipeline any more."""
        with self._lock:
            self._shown.pop(pipeline, None)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            families = [*self._written(), *self._points(), *self._runs()]
        yield from (family for family in families if family.samples)

    def _of(self, pipeline: str) -> "_Shown":
        return self._shown.setdefault(pipeline, _Shown())

    def _written(self) -> Iterator[Metric]:
        """Yield the newest points of the written series, one family for each name."""
        found: dict[str, tuple[str, Points]] = {}
        for name, shown in self._shown.items():
            pipeline = self._pipelines.get(name)
            for series, points in shown.points.items():
                if pipeline is None or series in pipeline.score.write:
                    given = series if pipeline is None else pipeline.series_name(series)
                    found.setdefault(given, (HELP[series], []))[1].extend(points)
        for given, (text, points) in found.items():
            yield _gauge(given, text, points)

    def _points(self) -> Iterator[Metric]:
        """Yield what is told of each series' newest point besides what is written."""
        names = {
            "latest_reconstruction_error_mse": "Squared error of the newest point, mean over features.",
            "feature_reconstruction_error_mse": "Squared error of the newest point: observed less expected.",
            "is_anomaly_detected": "Whether the newest point is anomalous.",
        }
        for name, text in names.items():
            points = [point for shown in self._shown.values() for point in shown.errors.get(name, ())]
            yield _gauge(self._prefix + name, text, points)

    def _runs(self) -> Iterator[Metric]:
        """Yield what is told of pipelines as a whole."""
        prefix, now = self._prefix, self._clock()
        gauges: Mapping[str, tuple[str, Callable[[_Shown], float | None]]] = {
            "last_successful_run_timestamp_seconds": (
                "When a scoring run last succeeded.",
                lambda shown: shown.succeeded,
            ),
            "data_points_in_current_window": (
                "Stamps that the newest run read.",
                lambda shown: shown.rows,
            ),
            "data_age_seconds": (
                "Time since the newest sample in the source.",
                lambda shown: None if shown.newest is None else max(now - shown.newest, 0.0),
            ),
            "no_data": ("Whether the newest run found no data.", lambda shown: shown.no_data),
        }
        for name, (text, value_of) in gauges.items():
            yield _gauge(
                prefix + name,
                text,
                [
                    ({"pipeline": pipeline}, float(value))
                    for pipeline, shown in self._shown.items()
                    if (value := value_of(shown)) is not None
                ],
            )
        yield from self._counted()

    def _counted(self) -> Iterator[Metric]:
        prefix = self._prefix
        events = CounterMetricFamily(
            f"{prefix}total_anomalies_count_total",
            "Anomalies, each counted once however long it lasts.",
            labels=("pipeline",),
        )
        runs = CounterMetricFamily(
            f"{prefix}runs_total", "Jobs that ended.", labels=("pipeline", "kind", "status")
        )
        seconds = SummaryMetricFamily(f"{prefix}job_seconds", "Time of a job.", labels=("pipeline", "kind"))
        model = InfoMetricFamily(f"{prefix}model", "The newest model.", labels=("pipeline",))
        for pipeline, shown in self._shown.items():
            events.add_metric((pipeline,), shown.events)
            for (kind, status), count in shown.runs.items():
                runs.add_metric((pipeline, kind, status), count)
            for kind, (count, total) in shown.seconds.items():
                seconds.add_metric((pipeline, kind), count, total)
            if shown.model:
                model.add_metric((pipeline,), {"version": shown.model})
        yield from (events, runs, seconds, model)


@dataclass
class _Shown:
    """What is shown of one pipeline."""

    points: Mapping[str, Points] = field(default_factory=dict)
    """By name of the written series."""
    errors: Mapping[str, Points] = field(default_factory=dict)
    events: int = 0
    runs: Counter[tuple[Kind, RunStatus]] = field(default_factory=Counter)
    seconds: dict[Kind, tuple[int, float]] = field(default_factory=dict)
    succeeded: float | None = None
    rows: int | None = None
    newest: float | None = None
    """When the newest sample was taken, seconds since the epoch."""
    no_data: bool | None = None
    model: str = ""

    def take(self, report: Report, totals: Totals | None, model: str | None) -> None:
        """Count a run that ended, and know what it told."""
        self.runs[report.kind, report.status] += 1
        count, total = self.seconds.get(report.kind, (0, 0.0))
        self.seconds[report.kind] = count + 1, total + report.seconds
        self.remember(report)
        if totals is None and report.kind == "score":
            self.events += report.events
        self.know(totals, model)

    def know(self, totals: Totals | None, model: str | None) -> None:
        if totals is not None:
            self.events = totals.events
        if model is not None:
            self.model = model

    def remember(self, report: Report) -> None:
        """Know what a scoring run told; other runs say nothing of the newest points."""
        if report.kind != "score":
            return
        if report.data_age is not None:
            self.newest = report.ended - report.data_age
        if report.status != "failed":
            self.no_data = report.status == "no_data"
            self.rows = report.rows
        if report.status == "ok":
            self.succeeded = report.ended
        if report.latest is not None:
            self.points, self.errors = _points_of(report.latest), _errors_of(report.latest)
        elif report.status != "ok":
            self.points, self.errors = {}, {}


def _gauge(name: str, text: str, points: Points) -> Metric:
    """Return a family of the points; of two with the same labels the first counts."""
    family = GaugeMetricFamily(name, text)
    known: set[LabelSet] = set()
    for labels, value in points:
        key = label_set(labels)
        if key not in known:
            known.add(key)
            family.samples.append(Sample(name, dict(labels), value))
    return family


def _points_of(latest: Latest) -> Mapping[str, Points]:
    """Return the newest points of the written series, without those that have no score."""
    labels = [_mended(one) for one in latest.labels]
    scored = ~np.isnan(latest.anomaly_score)
    points = {
        "anomaly_score": _there(labels, latest.anomaly_score),
        "anomaly": _there(labels, _anomaly(latest)),
    }
    several = len(latest.features) > 1
    by_feature = {
        "expected": latest.expected,
        "expected_lower": latest.expected_lower,
        "expected_upper": latest.expected_upper,
        **({"contribution": latest.contributions} if several else {}),
    }
    for name, values in by_feature.items():
        shown = np.where(scored[:, np.newaxis], values, np.nan)
        points[name] = (
            _by_feature(labels, "feature", latest.features, shown) if several else _there(labels, shown[:, 0])
        )
    return points


def _errors_of(latest: Latest) -> Mapping[str, Points]:
    labels = [_mended(one) for one in latest.labels]
    scored = ~np.isnan(latest.anomaly_score)
    squared = np.where(scored[:, np.newaxis], (latest.observed - latest.expected) ** 2, np.nan)
    known = ~np.isnan(squared)
    total, count = np.where(known, squared, 0).sum(axis=1), known.sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(labels), np.nan), where=count > 0)
    return {
        "latest_reconstruction_error_mse": _there(labels, mean),
        "is_anomaly_detected": _there(labels, _anomaly(latest)),
        "feature_reconstruction_error_mse": _by_feature(labels, "feature_name", latest.features, squared),
    }


def _anomaly(latest: Latest) -> Floats:
    """Return whether the newest points are anomalous, NaN where they have no score."""
    return np.where(np.isnan(latest.anomaly_score), np.nan, latest.anomaly.astype(np.float64))


def _by_feature(
    labels: Sequence[dict[str, str]], label: str, features: Sequence[str], values: Floats
) -> Points:
    """Return the values `(k, f)` that are there, with the feature in one more label."""
    return [
        (one | {label: feature}, value)
        for i, feature in enumerate(features)
        for one, value in _there(labels, values[:, i])
    ]


def _there(labels: Sequence[dict[str, str]], values: Floats) -> Points:
    pairs = zip(labels, values.tolist(), strict=True)
    return [(one, value) for one, value in pairs if value == value]


def _mended(labels: Labels) -> dict[str, str]:
    """Return labels whose names Prometheus allows."""
    mended: dict[str, str] = {}
    for name, value in sorted(labels.items()):
        allowed = NOT_IN_LABEL.sub("_", name)
        if allowed.startswith("__"):
            # Prometheus keeps those for itself, and drops them.
            allowed = f"_{allowed.lstrip('_')}"
        if not allowed or allowed[0].isdigit():
            allowed = f"_{allowed}"
        while allowed in mended:
            allowed += "_"
        mended[allowed] = value
    return mended
