"""Runs under way: handed to the executor, finished one pipeline beside the other."""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from anomaliz.core.errors import AnomalizError
from anomaliz.pipelines.backfill import run_backfill
from anomaliz.pipelines.books import Books
from anomaliz.pipelines.daemon.run import Run
from anomaliz.pipelines.executor.executor import JobExecutor
from anomaliz.pipelines.executor.faults import JobFaultError
from anomaliz.pipelines.outcome import Kind, Outcome, Report
from anomaliz.pipelines.work import Task, work

logger = logging.getLogger(__name__)

Begun = Callable[[Run], None]
Ended = Callable[[Run, Report, Outcome | None], None]
"""Told of the end of a run: there is no outcome where it failed."""

GRACE_SECONDS = 5.0
"""For the ends of runs whose processes were ended."""
PREPARING, FINISHING = 8, 32
"""Threads. Those that finish wait for sinks, some of which may hang."""


class Runs:
    """At most one of a pipeline and kind at a time; of long ones so few that scoring finds a worker."""

    def __init__(
        self, executor: JobExecutor, books: Books, most_long: int, begun: Begun, ended: Ended
    ) -> None:
        self._executor = executor
        self._books = books
        self._most_long = most_long
        self._begun = begun
        self._ended = ended
        self._preparing = ThreadPoolExecutor(PREPARING, "prepare")
        self._finishing = ThreadPoolExecutor(FINISHING, "finish")
        self._changed = threading.Condition()
        self._under_way: dict[tuple[str, Kind], Run] = {}
        self._waiting: deque[Run] = deque()
        self._long = 0
        self._closed = False

    def start(self, run: Run) -> bool:
        """Begin a run; return False, with nothing begun, where its like is under way or this is closed."""
        with self._changed:
            if self._closed or run.key in self._under_way:
                return False
            self._under_way[run.key] = run
            if run.is_long and self._long >= self._most_long:
                self._waiting.append(run)
            else:
                self._begin(run)
        return True

    def under_way(self, pipeline: str, kind: Kind) -> bool:
        """Return whether such a run has begun and not ended."""
        return (pipeline, kind) in self._under_way

    def close(self, seconds: float) -> None:
        """Begin no more; give those under way some seconds to end, then end them."""
        with self._changed:
            self._closed = True
            while self._waiting:
                self._under_way.pop(self._waiting.popleft().key)
            self._changed.wait_for(lambda: not self._under_way, seconds)
        self._executor.close()
        with self._changed:
            # Without a process they end at once; what is at a sink is committed, or done again.
            self._changed.wait_for(lambda: not self._under_way, GRACE_SECONDS)
        self._preparing.shutdown(wait=False, cancel_futures=True)
        self._finishing.shutdown(wait=False, cancel_futures=True)

    def _begin(self, run: Run) -> None:
        self._long += run.is_long
        if run.kind == "backfill":
            self._finishing.submit(self._backfill, run)
        else:
            self._preparing.submit(self._hand_over, run)

    def _hand_over(self, run: Run) -> None:
        try:
            self._begun(run)
            task = self._books.task(run.kind, run.pipeline)
            future = self._executor.submit(work, task, task.seconds)
        except Exception as error:
            self._end(run, _failed(run, error))
        else:
            future.add_done_callback(lambda done: self._finishing.submit(self._take, run, task, done))

    def _take(self, run: Run, task: Task, done: "Future[Outcome]") -> None:
        try:
            outcome = done.result()
            self._books.finish(task, outcome)
        except (Exception, CancelledError) as error:
            self._end(run, self._counted(task, _failed(run, error)))
        else:
            self._end(run, outcome.report, outcome)

    def _counted(self, task: Task, report: Report) -> Report:
        """Have a failure counted, where the store can be written to; a later run commits its state anew."""
        with contextlib.suppress(AnomalizError):
            self._books.fail(task, AnomalizError(report.message), report.seconds)
        return report

    def _backfill(self, run: Run) -> None:
        assert run.start is not None
        assert run.end is not None
        try:
            self._begun(run)
            task = self._books.backfill_task(run.pipeline, run.start, run.end)
            totals = run_backfill(
                task,
                lambda part: self._executor.submit(work, part, part.seconds).result(),
                lambda outcome: self._books.write(run.pipeline, outcome.samples),
                run.progress,
            )
        except (Exception, CancelledError) as error:
            self._end(run, _failed(run, error))
        else:
            self._end(run, run.done(totals))

    def _end(self, run: Run, report: Report, outcome: Outcome | None = None) -> None:
        try:
            self._ended(run, report, outcome)
        except Exception:
            logger.exception("the end of a run could not be told", extra={"pipeline": run.pipeline.name})
        finally:
            self._let_go(run)

    def _let_go(self, run: Run) -> None:
        with self._changed:
            self._under_way.pop(run.key, None)
            self._long -= run.is_long
            if self._waiting and not self._closed and self._long < self._most_long:
                self._begin(self._waiting.popleft())
            self._changed.notify_all()


def _failed(run: Run, error: BaseException) -> Report:
    if isinstance(error, JobFaultError) and error.trace:
        extra = {"pipeline": run.pipeline.name, "trace": error.trace}
        logger.error("a job failed unforeseen", extra=extra)
    if isinstance(error, AnomalizError):
        return run.failed(str(error))
    if isinstance(error, CancelledError):
        return run.failed("the job was ended, since the daemon stops: the next run does its work")
    logger.error("a run failed unforeseen", exc_info=error, extra={"pipeline": run.pipeline.name})
    return run.failed(f"the run failed for a reason that nobody foresaw, {type(error).__name__}: see the log")
