"""Pipelines that cannot score yet, since they have no model that fits them."""

import logging
import threading
from collections.abc import Callable, Sequence

from anomaliz.pipelines.daemon.backoff import Backoff
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Report

logger = logging.getLogger(__name__)


class FirstTrainings:
    """Knows who waits, and when a training that failed is tried again. Threads may share it."""

    def __init__(self, lacks_model: Callable[[Pipeline], bool]) -> None:
        self._lacks_model = lacks_model
        self._waiting: dict[str, Pipeline] = {}
        self._backoff = Backoff()
        self._lock = threading.Lock()

    def follow(self, pipelines: Sequence[Pipeline]) -> None:
        """Wait for those of `pipelines` that have no model for what they read now."""
        with self._lock:
            self._waiting = {one.name: one for one in pipelines if self._lacks_model(one)}
            for name in self._waiting:
                self._backoff.forget(name)

    def due(self) -> list[Pipeline]:
        """Return whose training may be tried now."""
        with self._lock:
            return [one for one in self._waiting.values() if self._backoff.ready(one.name)]

    def ended(self, report: Report) -> bool:
        """Take note of a training's end; return whether its pipeline has waited for it, and can score now."""
        name = report.pipeline
        with self._lock:
            if name not in self._waiting:
                return False
            # One that began before the definition changed is of no use to it.
            if report.status == "ok" and not self._lacks_model(self._waiting[name]):
                self._backoff.forget(name)
                del self._waiting[name]
                return True
            if report.status == "ok":
                return False
            seconds = self._backoff.failed(name)
        logger.warning("first training is tried again", extra={"pipeline": name, "in_seconds": seconds})
        return False
