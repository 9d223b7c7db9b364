"""How runs ended, told to all who want to know: the log, requests, a Prometheus, and who asked for a job."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from prometheus_client import CollectorRegistry

from anomaliz.core.errors import StoreError
from anomaliz.pipelines.daemon.run import Run
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.exporter import PipelineExporter
from anomaliz.pipelines.outcome import Outcome, Report
from anomaliz.store.database import Store
from anomaliz.store.job import JobStatus

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
"""Between two notes of how far a job is."""
LEVELS = {"ok": logging.INFO, "no_data": logging.WARNING, "failed": logging.ERROR}


class Telling:
    """Keeps the newest report of each pipeline, in the store too, so that it is known after a restart."""

    def __init__(self, store: Store, pipelines: Sequence[Pipeline]) -> None:
        self._store = store
        self._exporter: PipelineExporter | None = None
        self.reports: dict[str, Report] = {}
        """Of the newest run of each pipeline, without its points."""
        for pipeline in pipelines:
            if (report := store.report(pipeline.name)) is not None:
                self.reports[pipeline.name] = Report(**report)

    def expose(self, prefix: str, registry: CollectorRegistry, pipelines: Sequence[Pipeline]) -> None:
        """Have a registry show the pipelines, from what is known since before a restart on."""
        exporter = PipelineExporter(prefix, registry)
        exporter.define(pipelines)
        for pipeline in pipelines:
            state, _ = self._store.state(pipeline.name)
            models = self._store.models(pipeline.name)
            exporter.restore(
                pipeline.name,
                self.reports.get(pipeline.name),
                state.totals if state else None,
                models[0].version if models else None,
            )
        self._exporter = exporter

    def define(self, pipelines: Sequence[Pipeline]) -> None:
        """Tell of these pipelines from now on, and of no others."""
        if self._exporter is not None:
            self._exporter.define(pipelines)
        names = {pipeline.name for pipeline in pipelines}
        self.reports = {name: report for name, report in self.reports.items() if name in names}

    def begun(self, run: Run) -> None:
        """Tell who asked for a run that it has begun."""
        if run.job:
            self._store.update_job(run.job, "running")

    def progress(self, job: str) -> Callable[[float], None]:
        """Return a function that is told how far a job is, in [0, 1], as often as one likes."""
        told = float("-inf")

        def tell(done: float) -> None:
            nonlocal told
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                self._store.update_job(job, "running", progress=done)

        return tell

    def ended(self, run: Run, report: Report, outcome: Outcome | None) -> None:
        """Tell of a run that has ended."""
        _log(report)
        self.reports[report.pipeline] = replace(report, latest=None)
        if self._exporter is not None:
            state = outcome.state if outcome else None
            model = outcome.model if outcome else None
            self._exporter.update(report, state.totals if state else None, model.version if model else None)
        with suppress(StoreError):
            self._store.put_report(report.pipeline, vars(self.reports[report.pipeline]))
        self._note(run, report)

    def _note(self, run: Run, report: Report) -> None:
        if run.job:
            status: JobStatus = "failed" if report.status == "failed" else "done"
            self._store.update_job(run.job, status, report.message, 1.0 if status == "done" else 0.0)


def _log(report: Report) -> None:
    extra = {
        "pipeline": report.pipeline,
        "kind": report.kind,
        "status": report.status,
        "points": report.points,
        "anomalies": report.anomalies,
        "events": report.events,
        "seconds": round(report.seconds, 3),
        "says": report.message,
    }
    logger.log(LEVELS[report.status], "job ended", extra=extra)
