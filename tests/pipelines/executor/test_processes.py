import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jobs
import psutil
import pytest

from anomaliz.pipelines.executor.faults import JobLostError
from anomaliz.pipelines.executor.processes import Processes

Until = Callable[[Callable[[], object]], None]
PATIENT = 60.0


@pytest.fixture
def one() -> Iterator[Processes]:
    executor = Processes(1)
    yield executor
    executor.close()


def test_an_idle_process_that_was_killed_costs_no_job(one: Processes) -> None:
    before = one.submit(jobs.pid, None, PATIENT).result()
    os.kill(before, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before)], timeout=10)
    assert one.submit(jobs.pid, None, PATIENT).result() != before


def test_no_process_starts_before_there_is_a_job() -> None:
    before = psutil.Process().children()
    executor = Processes(4)
    assert psutil.Process().children() == before
    executor.close()


def test_signals_to_the_process_do_not_end_its_job(one: Processes, tmp_path: Path, until: Until) -> None:
    release = tmp_path / "release"
    running = one.submit(jobs.wait_for, release, PATIENT)
    until(lambda: list(tmp_path.glob("release.*")))
    pid = int(next(tmp_path.glob("release.*")).suffix[1:])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    release.touch()
    assert running.result(PATIENT) == "release"


def test_closing_ends_what_runs_and_what_waits(tmp_path: Path, until: Until) -> None:
    executor = Processes(1)
    running = executor.submit(jobs.wait_for, tmp_path / "never", PATIENT)
    waiting = executor.submit(jobs.double, 1, PATIENT)
    until(lambda: list(tmp_path.glob("never.*")))
    begun = time.monotonic()
    executor.close()
    assert time.monotonic() - begun < 5
    assert isinstance(running.exception(0), JobLostError)
    assert waiting.cancelled()
    with pytest.raises(JobLostError, match="was not begun"):
        executor.submit(jobs.double, 1, PATIENT)


def test_processes_do_not_outlive_a_parent_that_is_killed(tmp_path: Path, until: Until) -> None:
    started = tmp_path / "started"
    code = (
        "import jobs, pathlib; from anomaliz.pipelines.executor.processes import Processes; "
        f"Processes(1).submit(jobs.begin_and_hang, pathlib.Path({str(started)!r}), 600.0).result()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as parent:
        until(started.exists)
        parent.kill()
    for pid in map(int, started.read_text().split()):
        until(lambda pid=pid: not psutil.pid_exists(pid) or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
