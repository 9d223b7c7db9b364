"""The daemon: definitions, their schedule, and the runs that are under way."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError, ConfigError, ConflictError, StoreError
from anomaliz.pipelines.books import Books
from anomaliz.pipelines.daemon.catalogue import Catalogue
from anomaliz.pipelines.daemon.clock import Clock
from anomaliz.pipelines.daemon.counters import DaemonCounters
from anomaliz.pipelines.daemon.first_trainings import FirstTrainings
from anomaliz.pipelines.daemon.run import Run
from anomaliz.pipelines.daemon.runs import Runs
from anomaliz.pipelines.daemon.schedule import Schedule, Scheduled
from anomaliz.pipelines.daemon.telling import Telling
from anomaliz.pipelines.daemon.watched_files import WatchedFiles
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.executor.executor import open_executor
from anomaliz.pipelines.outcome import Kind, Outcome, Report
from anomaliz.pipelines.work import Task, work
from anomaliz.sinks.sink import Sink
from anomaliz.store.database import Store
from anomaliz.store.job import Job

logger = logging.getLogger(__name__)

Listener = Callable[[Report], None]

KINDS: tuple[Kind, ...] = ("score", "train", "backfill")
LOOK_SECONDS = 1.0
"""Between looks at the clock, and at pipelines that wait for their first training."""


class Daemon:
    """Runs pipelines when they are due.

    Whatever fails is told and tried again by the next run: nothing ends the daemon but `stop`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        settings: Settings,
        *,
        environ: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Read the definitions and open the store; nothing runs yet. Processes of jobs call `prepare` first.

        Raises ConfigError for definitions that cannot be used, StoreError for the store.
        """
        self.settings = settings
        self.store = Store(settings.pipelines.store.get_secret_value())
        self.catalogue = Catalogue(paths, self.store, environ)
        self._files = WatchedFiles(paths)
        self.definitions = self.catalogue.load()
        self.skipped: Counter[tuple[str, str]] = Counter()
        """Runs that were not begun, since the one before was still under way, by pipeline and kind."""
        self.reloads: Counter[str] = Counter()
        """How often definitions were `loaded` anew, or `refused`."""
        self._books = Books(self.store, self.definitions, settings)
        self._telling = Telling(self.store, self.definitions.pipelines)
        self._schedule = Schedule(self.store.engine, self._due)
        most_long = max(1, settings.pipelines.workers - 1)
        self._executor = open_executor(settings.pipelines, prepare)
        self._runs = Runs(self._executor, self._books, most_long, self._telling.begun, self._ended)
        self.executions = threading.BoundedSemaphore(most_long)
        """Held by requests that have a job run and wait for it."""
        self.defining = threading.Lock()
        """Held by who changes the stored definitions."""
        self._listeners: list[Listener] = []
        self._first_trainings = FirstTrainings(self._books.lacks_model)
        self._changing = threading.Lock()
        self._wake = threading.Event()
        self._reload_asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="daemon", daemon=True)
        self.started = False

    def on_report(self, listener: Listener) -> None:
        """Have `listener` told of each run that ends."""
        self._listeners.append(listener)

    @property
    def reports(self) -> Mapping[str, Report]:
        """Of the newest run of each pipeline, without its points."""
        return self._telling.reports

    def sinks(self) -> Mapping[str, Sink]:
        """Return the sinks that are open, by name."""
        return self._books.sinks()

    def expose(self, registry: CollectorRegistry) -> None:
        """Have a registry show the pipelines and the daemon, from what is known since before a restart on."""
        prefix = self.settings.pipelines.metrics_prefix
        self._telling.expose(prefix, registry, self.definitions.pipelines)
        registry.register(DaemonCounters(self, prefix))

    def start(self) -> None:
        """Begin; what was missed while nothing ran is caught up with once."""
        self.store.fail_unfinished("the process ended before the job did: ask for it again")
        self._first_trainings.follow(self.definitions.pipelines)
        self._schedule.begin(self.definitions.pipelines)
        self._thread.start()
        self.started = True
        logger.info("daemon started", extra={"pipelines": len(self.definitions.pipelines)})

    def stop(self) -> None:
        """Begin no more jobs, let those under way end in time, and have sinks send what they hold."""
        self._stopping.set()
        self._wake.set()
        if self.started:
            self._thread.join()
            self._schedule.end()
        self._runs.close(self.settings.pipelines.shutdown_seconds)
        self._flush()
        self._books.close()
        self.store.close()
        self.started = False
        logger.info("daemon stopped")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run until the end of the block."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def reload_soon(self) -> None:
        """Have the definitions read again; may be called from a handler of signals."""
        self._reload_asked.set()
        self._wake.set()

    def reload(self) -> None:
        """Go on with the definitions as they are now.

        Raises AnomalizError, with the old ones in force, where they cannot be used.
        """
        with self._changing:
            definitions = self.catalogue.load()
            self._first_trainings.follow(definitions.pipelines)
            self._follow(definitions)
            self._books.redefine(definitions)
            self._telling.define(definitions.pipelines)
            self.definitions = definitions
        self.reloads["loaded"] += 1
        logger.info("definitions loaded", extra={"pipelines": len(definitions.pipelines)})

    def request(
        self, name: str, kind: Kind, start: np.datetime64 | None = None, end: np.datetime64 | None = None
    ) -> Job:
        """Begin a job that somebody asked for; `start` and `end` are a backfill's.

        Raises ConfigError where there is no such pipeline or it has no such job, ConflictError where its like
        is under way.
        """
        pipeline = self.definitions.pipeline(name)
        arguments = self._arguments(pipeline, kind, start, end)
        if self._runs.under_way(name, kind):
            raise _busy(name, kind)
        job = self.store.add_job(name, kind, arguments)
        if not self._runs.start(Run(pipeline, kind, job.id, start, end, self._telling.progress(job.id))):
            self.store.update_job(job.id, "failed", str(_busy(name, kind)))
            raise _busy(name, kind)
        return job

    def execute(self, task: Task) -> Outcome:
        """Return the outcome of a job that is no pipeline's; nothing of it is kept. Raises AnomalizError."""
        return self._executor.submit(work, task, task.seconds).result()

    def remove(self, name: str) -> None:
        """Forget a pipeline that was made over HTTP, and all that was kept of it.

        Raises ConflictError while a job of it is under way.
        """
        with self.defining:
            for kind in KINDS:
                if self._runs.under_way(name, kind):
                    raise _busy(name, kind)
            self.store.delete_definition(name)
            self.reload()
            self.store.forget(name)

    def next_run(self, pipeline: str, kind: Scheduled) -> str | None:
        """Return when a job is next due, ISO-8601 in UTC."""
        due = self._schedule.next_run(pipeline, kind)
        return None if due is None else due.isoformat(timespec="seconds")

    def _arguments(
        self, pipeline: Pipeline, kind: Kind, start: np.datetime64 | None, end: np.datetime64 | None
    ) -> Mapping[str, str]:
        if kind == "train" and not pipeline.trains:
            raise ConfigError(f"pipeline {pipeline.name} is scored by a bundle: give it `train` to train it")
        if kind != "backfill":
            return {}
        assert start is not None
        assert end is not None
        self._books.backfill_task(pipeline, start, end)
        return {"from": f"{start}Z", "to": f"{end}Z"}

    def _due(self, name: str, kind: Scheduled) -> None:
        pipeline = next((one for one in self.definitions.pipelines if one.name == name), None)
        if pipeline is not None and not self._runs.start(Run(pipeline, kind)):
            self.skipped[name, kind] += 1
            logger.warning("job skipped: the one before is under way", extra={"pipeline": name, "kind": kind})

    def _ended(self, run: Run, report: Report, outcome: Outcome | None) -> None:
        self._telling.ended(run, report, outcome)
        for listener in self._listeners:
            listener(report)
        if run.kind == "train" and self._first_trainings.ended(report):
            self._due(run.pipeline.name, "score")

    def _watch(self) -> None:
        clock = Clock()
        looked = time.monotonic()
        while not self._stopping.is_set():
            for pipeline in self._first_trainings.due():
                self._runs.start(Run(pipeline, "train"))
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            self._mind_clock(clock)
            seconds = self.settings.pipelines.watch_seconds
            if seconds and time.monotonic() - looked >= seconds:
                looked = time.monotonic()
                if self._files.changed():
                    self._reload_asked.set()
            if self._reload_asked.is_set() and not self._stopping.is_set():
                self._reload_asked.clear()
                self._try_reload()

    def _mind_clock(self, clock: Clock) -> None:
        jump = clock.jump()
        if jump:
            logger.warning("the clock was set", extra={"by_seconds": round(jump, 1)})
            with suppress(Exception):
                self._schedule.realign()

    def _try_reload(self) -> None:
        try:
            self.reload()
        except Exception as error:
            self.reloads["refused"] += 1
            # Only an error that nobody foresaw is worth a traceback.
            cause = None if isinstance(error, AnomalizError) else error
            extra = {"reason": str(error)}
            logger.error("definitions refused, the old ones stay", exc_info=cause, extra=extra)
            if isinstance(error, StoreError):
                self._reload_asked.set()

    def _follow(self, definitions: Definitions) -> None:
        try:
            self._schedule.follow(definitions.pipelines)
        except Exception as error:
            with suppress(Exception):
                self._schedule.follow(self.definitions.pipelines)
            raise StoreError(
                f"the schedule cannot be written ({type(error).__name__}): see to the store"
            ) from error

    def _flush(self) -> None:
        """Wait for sinks as long as a shutdown may take: what has not arrived lies in their queues."""

        def flush() -> None:
            try:
                self._books.flush()
            except Exception as error:
                logger.warning("not all has arrived at the sinks", extra={"reason": str(error)})

        thread = threading.Thread(target=flush, name="flush", daemon=True)
        thread.start()
        thread.join(self.settings.pipelines.shutdown_seconds)


def _busy(name: str, kind: Kind) -> ConflictError:
    return ConflictError(f"a {kind} of pipeline {name} is under way: ask again when it has ended")
