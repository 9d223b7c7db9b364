"""When jobs are due: APScheduler, whose times survive a restart in the store's database."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from anomaliz.core.errors import MissingExtraError
from anomaliz.pipelines.definition import Pipeline

try:
    from apscheduler.executors.base import BaseExecutor
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.schedulers.base import STATE_STOPPED
except ImportError:
    raise MissingExtraError.of("running pipelines", "pipelines") from None

logger = logging.getLogger(__name__)

Scheduled = Literal["score", "train"]
Start = Callable[[str, Scheduled], None]

TABLE = "scheduler_jobs"
RETRY_SECONDS = 10.0
"""Until the next look at a database that could not be used."""


class Schedule:
    """Calls `start(pipeline, kind)` whenever a job is due.

    Of runs that were missed, however many, one is caught up with. `start` is called by the scheduler's own
    thread, so it hands the work to another.
    """

    def __init__(self, engine: Any, start: Start) -> None:
        self._scheduler = _Scheduler(
            jobstores={"default": SQLAlchemyJobStore(engine=engine, tablename=TABLE)},
            executors={"default": _HandingOver(start)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            timezone=UTC,
        )

    def begin(self, pipelines: Iterable[Pipeline]) -> None:
        """Start the clock; jobs of other pipelines, which an earlier process left, are not begun."""
        self._scheduler.start(paused=True)
        self.follow(pipelines)
        self.realign()
        self._scheduler.resume()

    def follow(self, pipelines: Iterable[Pipeline]) -> None:
        """Have the jobs of `pipelines` and no others; those whose times did not change are not touched."""
        wanted = dict(_jobs(pipelines))
        known = {job.id: job for job in self._scheduler.get_jobs()}
        for id in known.keys() - wanted.keys():
            self._scheduler.remove_job(id)
        for id, (pipeline, kind) in wanted.items():
            times = _times(pipeline, kind)
            if id not in known or known[id].kwargs != times:
                self._add(id, pipeline, kind, times)

    def realign(self) -> None:
        """Have no job wait longer than its schedule does: the clock may have been set back meanwhile."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            due = job.trigger.get_next_fire_time(None, now)
            late = timedelta(seconds=job.kwargs["jitter"])
            if due is not None and job.next_run_time > due + late:
                self._scheduler.modify_job(job.id, next_run_time=due)
        self._scheduler.wakeup()

    def next_run(self, pipeline: str, kind: Scheduled) -> datetime | None:
        """Return when a job is next due, None where there is no such job."""
        job = self._scheduler.get_job(f"{kind}:{pipeline}")
        return None if job is None else job.next_run_time.astimezone(UTC)

    def end(self) -> None:
        """Stop the clock."""
        self._scheduler.shutdown(wait=False)

    def _add(self, id: str, pipeline: Pipeline, kind: Scheduled, times: dict[str, Any]) -> None:
        self._scheduler.add_job(
            due,
            pipeline.trigger(kind),
            args=(pipeline.name, kind),
            kwargs=times,
            id=id,
            replace_existing=True,
        )


def due(pipeline: str, kind: Scheduled, **times: object) -> None:
    """Stand for a job in the database; what is to be done is known to the executor."""


def _jobs(pipelines: Iterable[Pipeline]) -> Iterable[tuple[str, tuple[Pipeline, Scheduled]]]:
    for pipeline in pipelines:
        yield f"score:{pipeline.name}", (pipeline, "score")
        if pipeline.trains:
            yield f"train:{pipeline.name}", (pipeline, "train")


def _times(pipeline: Pipeline, kind: Scheduled) -> dict[str, Any]:
    """Return what a job's times depend on."""
    return {"cron": pipeline.cron(kind).text, "timezone": pipeline.timezone, "jitter": pipeline.jitter}


class _HandingOver(BaseExecutor):  # type: ignore[misc]
    """Starts what is due and does not wait for it."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self._start = start

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:  # noqa: ARG002
        self._start(*job.args)

    def submit_job(self, job: Any, run_times: list[datetime]) -> None:
        super().submit_job(job, run_times)
        self._run_job_success(job.id, [])


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]
    """Outlives a database that cannot be used for a while."""

    def _process_jobs(self) -> float | None:
        # Woken up to end, it would begin what is due, and nobody would do it.
        if self.state == STATE_STOPPED:
            return None
        try:
            seconds: float | None = super()._process_jobs()
        except Exception as error:
            logger.error("the schedule cannot be read or written", extra={"reason": str(error)})
            return RETRY_SECONDS
        return seconds
