"""What a Prometheus reads of the challenger: how far it agrees with the bundle in service."""

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, Info

from anomaliz.api.monitoring import ReloadResult
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.types import Flags, Floats

STEPS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
# Not 0: a window scores a hair differently alone and among others, and rounding would choose the bucket.
DIFFERENCES = (*(-step for step in reversed(STEPS)), *STEPS)
WHO = ("neither", "challenger", "champion", "both")
"""By twice the champion's verdict plus the challenger's."""


class ChallengerMonitoring:
    """Counts how the challenger's verdicts stand to the champion's, which were sent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._points = Counter(
            "anomaliz_challenger_points_total",
            "Points that both bundles scored, by which of them found an anomaly.",
            ("anomalous",),
            registry=registry,
        )
        for who in WHO:
            self._points.labels(who)  # a rate needs the zero before the first one
        self._difference = Histogram(
            "anomaliz_challenger_score_difference",
            "Score of the challenger less that of the bundle in service.",
            registry=registry,
            buckets=DIFFERENCES,
        )
        self.dropped = Counter(
            "anomaliz_challenger_dropped_total",
            "Points that the challenger had no time for.",
            registry=registry,
        )
        self.failed = Counter(
            "anomaliz_challenger_failed_total", "Points that the challenger failed at.", registry=registry
        )
        self.unscored = Counter(
            "anomaliz_challenger_unscored_total",
            "Points that one of the two bundles gave no score.",
            registry=registry,
        )
        self._bundle = Info("anomaliz_challenger_bundle", "The challenging bundle.", registry=registry)
        self._reloads = Counter(
            "anomaliz_challenger_reloads_total",
            "Bundles found in the challenger's place.",
            ("result",),
            registry=registry,
        )

    def compared(
        self, champion: Floats, anomaly: Flags, challenger: Floats, challenger_anomaly: Flags
    ) -> None:
        """Count scores and verdicts `(n,)` of the same points; NaN is no score."""
        both = np.isfinite(champion) & np.isfinite(challenger)
        self.unscored.inc(int((~both).sum()))
        who = (2 * anomaly.astype(int) + challenger_anomaly)[both]
        for name, count in zip(WHO, np.bincount(who, minlength=len(WHO)).tolist(), strict=True):
            self._points.labels(name).inc(count)
        for difference in (challenger - champion)[both].tolist():
            self._difference.observe(difference)

    def reloaded(self, result: ReloadResult, bundle: Bundle | None = None) -> None:
        """Count a look at the challenger's place, and remember the bundle that was swapped in."""
        self._reloads.labels(result).inc()
        if bundle:
            self._bundle.info({"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256})
