"""The process that jobs run in, one after the other: `FD` is the socket that they come by.

A job is a pickled function and its argument, from the process that started this one and from no other.
"""

import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

from anomaliz.core.errors import AnomalizError
from anomaliz.pipelines.executor.faults import JobFaultError


def main(descriptor: int) -> None:
    """Do what comes by the socket until it is closed."""
    # A signal to all our processes is for the one that started us, which then lets us end the job. Not
    # SIG_IGN, which the processes that a source starts would inherit.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection = Connection(descriptor)
    if prepare := pickle.loads(connection.recv_bytes()):
        prepare()
    while True:
        try:
            job = connection.recv_bytes()
        except (EOFError, OSError):
            return
        connection.send_bytes(_answer(job))


def _end_with_parent() -> None:
    """Wait for the end of standard input, which nobody writes to, then end with all that was started here."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def _answer(job: bytes) -> bytes:
    try:
        function, argument = pickle.loads(job)
        return pickle.dumps((function(argument), None))
    except AnomalizError as error:
        return _error(error)
    except BaseException as error:
        return _error(_unforeseen(error))


def _error(error: AnomalizError) -> bytes:
    content = pickle.dumps((None, error))
    try:
        pickle.loads(content)
    except Exception:
        # Of a class that cannot be made again from what it prints.
        content = pickle.dumps((None, JobFaultError(str(error))))
    return content


def _unforeseen(error: BaseException) -> AnomalizError:
    if isinstance(error, MemoryError):
        return JobFaultError(
            "the job needs more memory than there is: run fewer workers, or read less at a time"
        )
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    trace = "".join(traceback.format_exception(error))
    return JobFaultError(f"the job failed for a reason that nobody foresaw, {said}: see the log", trace)


def result(content: bytes) -> Any:
    """Return what the job gave, or raise what it raised."""
    value, error = pickle.loads(content)
    if error is not None:
        raise error
    return value


if __name__ == "__main__":
    main(int(sys.argv[1]))
