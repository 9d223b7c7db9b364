"""Runs seeds side by side, each in a process of one thread: faster than one after the other on all cores."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError
from anomaliz.training.preparation import Prepared
from anomaliz.training.seed import Progress, Report, SeedRun, run_seed

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)

_news: Any = None
"""In a worker: the queue to the parent."""


@dataclass(frozen=True)
class Task:
    """One seed to run."""

    name: str
    seed: int
    prepared: Prepared
    settings: Settings
    save_to: Path | None = None


def run_all(tasks: Sequence[Task], workers: int, report: Report) -> list[SeedRun]:
    """Run every task, `workers` at a time; the results have the tasks' order.

    Raises AnomalizError when a worker dies, and what a task raised. An interrupt ends the workers at once.
    """
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    queue.cancel_join_thread()  # a worker killed with the queue's lock in hand must not keep us from exiting
    executor = ProcessPoolExecutor(min(workers, len(tasks)), context, _start_worker, (queue,))
    others = set(multiprocessing.active_children())
    try:
        with _relayed(queue, report):
            with _one_thread():
                futures = [executor.submit(_run, task) for task in tasks]
            return [_result(future) for future in _failing_fast(futures)]
    except BaseException:
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have processes that start in the block use one thread: numpy reads this before we get a word in."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _failing_fast(futures: list[Future[SeedRun]]) -> list[Future[SeedRun]]:
    for future in as_completed(futures):
        _result(future)
    return futures


def _result(future: Future[SeedRun]) -> SeedRun:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AnomalizError(
            "a training process died, most likely for want of memory: "
            "lower training.workers or training.max_windows"
        ) from None


@contextmanager
def _relayed(queue: Any, report: Report) -> Iterator[None]:
    """Pass what workers put on `queue` to `report`, from a thread, while the block runs."""

    def relay() -> None:
        for progress in iter(queue.get, None):
            report(progress)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        yield
    finally:
        queue.put(None)
        thread.join(timeout=5)


def _start_worker(queue: Any) -> None:
    global _news
    _news = queue
    # The parent hears Ctrl-C and ends us; a traceback from each worker would only hide its one sentence.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        wait([parent.sentinel])
        os._exit(1)


def _run(task: Task) -> SeedRun:
    return run_seed(task.prepared, task.settings, task.seed, task.name, _tell, task.save_to)


def _tell(progress: Progress) -> None:
    _news.put(progress)
