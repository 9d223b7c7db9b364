"""A process of one thread that does jobs, one after the other, and can be killed at any moment."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import TypeVar, cast

from anomaliz.pipelines.executor import worker
from anomaliz.pipelines.executor.faults import JobLostError, JobTimeoutError
from anomaliz.training.processes import ONE_THREAD

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerProcess:
    """Starts a process when there is a job, and another one when it is gone.

    It has a socket of its own, so that no process that dies can hold up another; and a session of its own, so
    that a job is killed with all that it has started, and hears no Ctrl-C.
    """

    def __init__(self, prepare: Callable[[], None] | None = None) -> None:
        """Start nothing yet; each process calls `prepare`, which is pickled, before its first job."""
        self._prepare = pickle.dumps(prepare)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """Of the process; None where none was started."""
        return self._process.pid if self._process else None

    def run(self, work: Callable[[Task], Result], task: Task, timeout: float) -> Result:
        """Return `work(task)`; raises what it raises.

        Raises JobTimeoutError after `timeout` seconds, JobLostError when the process dies; a new one does the
        next.
        """
        until = time.monotonic() + timeout
        connection = self._hand_over(pickle.dumps((work, task)))
        try:
            if not connection.poll(max(0.0, until - time.monotonic())):
                raise JobTimeoutError(
                    f"the job took longer than its timeout of {timeout:g} s and was ended: "
                    "raise the timeout, or read less at a time"
                )
            content = connection.recv_bytes()
        except (EOFError, OSError):
            raise self._lost() from None
        except BaseException:
            self.close()
            raise
        return cast(Result, worker.result(content))

    def close(self) -> None:
        """Kill the process, whatever it does; may be called from another thread."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)

    def _hand_over(self, job: bytes) -> Connection:
        if self._process is not None and self._connection is not None:
            # One that died while it had nothing to do costs no job.
            with contextlib.suppress(OSError):
                self._connection.send_bytes(job)
                return self._connection
        connection = self._start()
        try:
            connection.send_bytes(self._prepare)
            connection.send_bytes(job)
        except OSError:
            raise self._lost() from None
        return connection

    def _start(self) -> Connection:
        self.close()
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", worker.__name__, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=_environment(),
            )
        self._connection = ours
        return ours

    def _lost(self) -> JobLostError:
        process = self._process
        if process is None:
            return JobLostError(
                "the job was ended, since its executor was closed: the next run does its work"
            )
        self.close()
        code = process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return JobLostError(
            f"the process of the job {how}, perhaps for want of memory: the next run does its work"
        )


def _environment() -> dict[str, str]:
    # As `multiprocessing` does: what can be imported here can be imported there.
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path}


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()
