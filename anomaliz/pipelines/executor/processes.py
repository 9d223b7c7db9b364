"""Jobs in processes of this machine."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, LifoQueue
from typing import TypeVar

from anomaliz.pipelines.executor.faults import JobLostError
from anomaliz.pipelines.executor.worker_process import WorkerProcess

Task = TypeVar("Task")
Result = TypeVar("Result")


class Processes:
    """At most `workers` processes, each started when it is needed; a thread waits for each one's job."""

    def __init__(self, workers: int, prepare: Callable[[], None] | None = None) -> None:
        self._prepare = prepare
        self._threads = ThreadPoolExecutor(workers, "job")
        # The last one that was used has its modules at hand: others may never have to start.
        self._idle: LifoQueue[WorkerProcess] = LifoQueue()
        self._all: list[WorkerProcess] = []
        self._closed = False

    def submit(self, work: Callable[[Task], Result], task: Task, timeout: float) -> Future[Result]:
        """Have `work(task)` run as soon as a process is free; JobLostError when this is closed."""
        if self._closed:
            raise _not_begun()
        return self._threads.submit(self._run, work, task, timeout)

    def close(self) -> None:
        """Kill all processes; what still waits is not begun."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in list(self._all):
            process.close()
        self._threads.shutdown()

    def _run(self, work: Callable[[Task], Result], task: Task, timeout: float) -> Result:
        process = self._free()
        try:
            if self._closed:
                raise _not_begun()
            return process.run(work, task, timeout)
        finally:
            self._idle.put(process)

    def _free(self) -> WorkerProcess:
        with contextlib.suppress(Empty):
            return self._idle.get_nowait()
        process = WorkerProcess(self._prepare)
        self._all.append(process)
        return process


def _not_begun() -> JobLostError:
    return JobLostError("the job was not begun, since its executor was closed: the next run does its work")
