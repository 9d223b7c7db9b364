"""Jobs on the workers of a Dask cluster."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from anomaliz.core.errors import AnomalizError, MissingExtraError
from anomaliz.pipelines.executor.faults import JobFaultError, JobLostError
from anomaliz.pipelines.executor.worker_process import WorkerProcess

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_SECONDS = 5.0
WAITING = 3.0
"""How many of its timeouts a job may be away, most of them waiting for a worker that is free."""

_of_thread = threading.local()
"""On a worker: the process in which a thread's jobs run."""


class DaskCluster:
    """Connects when a job comes, and again when the scheduler was lost."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._absent = ""
        """Why there was no cluster at the last attempt."""
        self._next_attempt = float("-inf")
        self._lock = threading.Lock()

    def submit(self, work: Callable[[Task], Result], task: Task, timeout: float) -> Future[Result]:
        """Have `work(task)` run on a worker, in a process beside it that can be killed after `timeout`."""
        told: Future[Result] = Future()
        told.set_running_or_notify_cancel()
        try:
            # Not pure: the same task may give something else, so that no earlier result stands for it.
            running = self._connected().get_executor(pure=False).submit(run_apart, work, task, timeout)
        except AnomalizError as error:
            told.set_exception(error)
            return told
        deadline = threading.Timer(WAITING * timeout, running.cancel)
        deadline.daemon = True
        deadline.start()

        def tell(future: Future[Result]) -> None:
            deadline.cancel()
            self._tell(future, told)

        running.add_done_callback(tell)
        return told

    def close(self) -> None:
        """Cancel what still runs, and leave the cluster."""
        with self._lock:
            if self._client is not None:
                self._client.close(timeout=CONNECT_SECONDS)
            self._client = None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None or self._client.status != "running":
                # Of many jobs that wait for a cluster which is down, one tries.
                if time.monotonic() < self._next_attempt:
                    raise JobLostError(self._absent)
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            from distributed import Client
        except ImportError:
            raise MissingExtraError.of("an executor on Dask", "dask") from None
        if self._client is not None:
            self._client.close(timeout=CONNECT_SECONDS)
        address = self._address.replace("dask://", "tcp://", 1)
        try:
            return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            self._client = None
            self._next_attempt = time.monotonic() + CONNECT_SECONDS
            self._absent = self._unreachable(str(error))
            raise JobLostError(self._absent) from None

    def _tell(self, future: Future[Result], told: Future[Result]) -> None:
        try:
            told.set_result(future.result())
        except AnomalizError as error:
            told.set_exception(error)
        except CancelledError:
            told.set_exception(JobLostError(self._lost()))
        except BaseException as error:
            said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
            told.set_exception(JobFaultError(f"the Dask cluster at {self._address} gave up the job, {said}"))

    def _unreachable(self, reason: str) -> str:
        said = " ".join(reason.split())
        return (
            f"the Dask scheduler at {self._address} cannot be reached ({said}): start it, or set "
            "pipelines.executor to another"
        )

    def _lost(self) -> str:
        return (
            f"the Dask cluster at {self._address} lost the job, or no worker of it was free in time: "
            "see that its scheduler and workers run; the next run does its work"
        )


def run_apart(work: Callable[[Task], Result], task: Task, timeout: float) -> Result:
    """Run a job on a worker, in the process that belongs to the worker's thread."""
    if not hasattr(_of_thread, "process"):
        _of_thread.process = WorkerProcess()
    process: WorkerProcess = _of_thread.process
    return process.run(work, task, timeout)
