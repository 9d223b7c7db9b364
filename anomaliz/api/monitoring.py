"""What a Prometheus reads of the service: requests, scores, the bundle, the process."""

import threading
from collections.abc import Iterator
from typing import Literal

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from anomaliz.bundle.bundle import Bundle
from anomaliz.core.verdict import Verdicts

ReloadResult = Literal["loaded", "unchanged", "refused"]

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SCORES = np.round(np.arange(1, 11) / 10, 1)
WAITING = 64
"""Verdicts, or points in one of them, that wait to be counted at most."""


class Scores(Collector):
    """Counts points, anomalies and scores, from whole arrays: `/detect` scores 100,000 points at once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting: list[Verdicts] = []
        self._buckets = np.zeros(len(SCORES), np.int64)
        self._sum = 0.0
        self._anomalies = 0
        self._lock = threading.Lock()
        registry.register(self)

    def add(self, verdicts: Verdicts) -> None:
        """Count the points that have a score, though not at once: for a single point that takes too long."""
        with self._lock:
            self._waiting.append(verdicts)
            if len(self._waiting) >= WAITING or len(verdicts) >= WAITING:
                self._count()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            self._count()
            cumulative, total, anomalies = np.cumsum(self._buckets).tolist(), self._sum, self._anomalies
        bounds = [*(str(bound) for bound in SCORES.tolist()), "+Inf"]
        buckets = list(zip(bounds, [*cumulative, cumulative[-1]], strict=True))
        yield CounterMetricFamily("anomaliz_points_scored", "Points scored.", value=cumulative[-1])
        yield CounterMetricFamily("anomaliz_anomalies", "Anomalous points.", value=anomalies)
        yield HistogramMetricFamily("anomaliz_score", "Scores given.", buckets=buckets, sum_value=total)

    def _count(self) -> None:
        for verdicts in self._waiting:
            scores = verdicts.score[verdicts.scored]
            np.add.at(self._buckets, np.searchsorted(SCORES, scores), 1)
            self._sum += float(scores.sum())
            self._anomalies += int(verdicts.anomaly.sum())
        self._waiting.clear()


class Monitoring:
    """The service's own registry and everything in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ("route", "method", "status")
        self._requests = Counter(
            "anomaliz_requests_total", "Requests answered.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "anomaliz_request_seconds",
            "Time to answer a request.",
            ("route",),
            registry=self.registry,
            buckets=SECONDS,
        )
        self._scores = Scores(self.registry)
        self._bundle = Info("anomaliz_bundle", "The bundle that scores.", registry=self.registry)
        self._reloads = Counter(
            "anomaliz_bundle_reloads_total",
            "Bundles found in the artifact directory.",
            ("result",),
            registry=self.registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a template, never a client's path."""
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def scored(self, verdicts: Verdicts) -> None:
        """Count the points that have a score."""
        self._scores.add(verdicts)

    def reloaded(self, result: ReloadResult, bundle: Bundle | None = None) -> None:
        """Count a look at the artifact directory, and remember the bundle that was swapped in."""
        self._reloads.labels(result).inc()
        if bundle:
            self._bundle.info({"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256})
