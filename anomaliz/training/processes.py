"""Processes of one thread each, side by side, that end when we do."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

from anomaliz.core.errors import AnomalizError

Task = TypeVar("Task")
Result = TypeVar("Result")

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)


def _nothing() -> None:
    pass


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    start: Callable[[], None] = _nothing,
) -> Iterator[tuple[int, Result]]:
    """Run `function` on every task, `workers` at a time; yield each one's position and result as it ends.

    Each worker calls `start` first.

    Raises AnomalizError when a worker dies, and what a task raised. An error or an interrupt ends the
    workers at once.
    """
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(min(workers, len(tasks)), context, _start_worker, (start,))
    others = set(multiprocessing.active_children())
    try:
        with _one_thread():
            position = {executor.submit(function, task): i for i, task in enumerate(tasks)}
        for future in as_completed(position):
            yield position[future], _result(future)
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


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AnomalizError("a process died, most likely for want of memory: run fewer at a time") from None


def _start_worker(start: Callable[[], None]) -> None:
    # The parent hears Ctrl-C and ends us; a traceback from each worker would only hide its one sentence.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        wait([parent.sentinel])
        os._exit(1)
