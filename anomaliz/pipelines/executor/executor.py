"""What every executor can do, and which one the settings mean."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from anomaliz.config.settings import Pipelines

Task = TypeVar("Task")
Result = TypeVar("Result")


class JobExecutor(Protocol):
    """Runs jobs elsewhere, several at once. One that hangs or dies does not touch the others."""

    def submit(self, work: Callable[[Task], Result], task: Task, timeout: float) -> Future[Result]:
        """Have `work(task)` run; function, task and result are pickled.

        The future raises what the job raises; JobTimeoutError when it ran longer than `timeout` seconds, and
        is ended then; JobLostError when its process, worker or cluster is gone; JobFaultError for what nobody
        foresaw.
        """

    def close(self) -> None:
        """End what still runs."""


def open_executor(settings: Pipelines, prepare: Callable[[], None] | None = None) -> JobExecutor:
    """Return the executor of the settings; a cluster is connected to when the first job comes.

    Processes of this machine call `prepare`, which is pickled, before their first job.
    """
    if settings.executor == "processes":
        from anomaliz.pipelines.executor.processes import Processes

        return Processes(settings.workers, prepare)
    from anomaliz.pipelines.executor.dask_cluster import DaskCluster

    return DaskCluster(settings.executor)
