"""What a Prometheus reads of the daemon itself: skipped runs, reloads, and what waits in queues of sinks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from anomaliz.sinks.remote_write import RemoteWriteSink

if TYPE_CHECKING:
    from anomaliz.pipelines.daemon.daemon import Daemon


class DaemonCounters(Collector):
    """Reads them when it is scraped."""

    def __init__(self, daemon: "Daemon", prefix: str) -> None:
        self._daemon = daemon
        self._prefix = prefix

    def collect(self) -> Iterator[Metric]:
        skipped = CounterMetricFamily(
            f"{self._prefix}runs_skipped_total",
            "Runs that were not begun, since the one before was under way.",
            labels=("pipeline", "kind"),
        )
        for (pipeline, kind), count in list(self._daemon.skipped.items()):
            skipped.add_metric((pipeline, kind), count)
        reloads = CounterMetricFamily(
            f"{self._prefix}definition_reloads_total",
            "How often definitions were read anew.",
            labels=("result",),
        )
        for result in ("loaded", "refused"):
            reloads.add_metric((result,), self._daemon.reloads[result])
        yield from (skipped, reloads, *self._queues())

    def _queues(self) -> Iterator[Metric]:
        sinks = {
            name: sink for name, sink in self._daemon.sinks().items() if isinstance(sink, RemoteWriteSink)
        }
        waiting = GaugeMetricFamily(
            f"{self._prefix}sink_pending_samples", "Samples that wait to be sent.", labels=("sink",)
        )
        sent = CounterMetricFamily(
            f"{self._prefix}sink_sent_samples_total", "Samples that a sink's server took.", labels=("sink",)
        )
        dropped = CounterMetricFamily(
            f"{self._prefix}sink_dropped_samples_total",
            "Samples that a sink's server refused; they are lost.",
            labels=("sink",),
        )
        for name, sink in sinks.items():
            waiting.add_metric((name,), sink.pending())
            sent.add_metric((name,), sink.sent)
            dropped.add_metric((name,), sink.dropped)
        return iter((waiting, sent, dropped))
