"""What holds of every executor."""

import os
from collections.abc import Callable
from pathlib import Path

import jobs
import psutil
import pytest

from anomaliz.core.errors import DataError
from anomaliz.pipelines.executor.executor import JobExecutor
from anomaliz.pipelines.executor.faults import JobFaultError, JobLostError, JobTimeoutError

Until = Callable[[Callable[[], object]], None]
PATIENT = 60.0


def test_jobs_give_their_results_from_other_processes(executor: JobExecutor) -> None:
    assert [executor.submit(jobs.double, n, PATIENT).result() for n in range(3)] == [0, 2, 4]
    assert executor.submit(jobs.pid, None, PATIENT).result() != os.getpid()


def test_a_process_is_used_again_and_has_one_thread(executor: JobExecutor) -> None:
    assert executor.submit(jobs.threads, None, PATIENT).result() == "1"
    assert len({executor.submit(jobs.pid, None, PATIENT).result() for _ in range(6)}) <= 2


def test_an_error_of_the_house_comes_as_it_is(executor: JobExecutor) -> None:
    with pytest.raises(DataError, match=r"^query is wrong$") as caught:
        executor.submit(jobs.refuse, "query", PATIENT).result()
    assert caught.value.field == "query"


def test_an_error_that_cannot_travel_leaves_its_sentence(executor: JobExecutor) -> None:
    with pytest.raises(JobFaultError, match=r"^this and that$"):
        executor.submit(jobs.refuse_oddly, None, PATIENT).result()


def test_what_nobody_foresaw_is_a_sentence_and_a_traceback(executor: JobExecutor) -> None:
    with pytest.raises(JobFaultError, match=r"KeyError: .*nobody.*foresaw this") as caught:
        executor.submit(jobs.stumble, None, PATIENT).result()
    assert "\n" not in str(caught.value)
    assert "in stumble" in caught.value.trace


def test_a_result_that_cannot_travel_is_a_fault(executor: JobExecutor) -> None:
    with pytest.raises(JobFaultError):
        executor.submit(jobs.unpicklable, None, PATIENT).result()
    assert executor.submit(jobs.double, 4, PATIENT).result() == 8


def test_a_job_that_hangs_is_ended_with_what_it_started(
    executor: JobExecutor, tmp_path: Path, until: Until
) -> None:
    started = tmp_path / "started"
    hanging = executor.submit(jobs.begin_and_hang, started, 3.0)
    until(started.exists)
    with pytest.raises(JobTimeoutError, match=r"timeout of 3 s"):
        hanging.result(PATIENT)
    for pid in map(int, started.read_text().split()):
        until(lambda pid=pid: not alive(pid))
    assert executor.submit(jobs.double, 4, PATIENT).result() == 8


def test_a_job_that_hangs_holds_up_no_other(executor: JobExecutor, tmp_path: Path, until: Until) -> None:
    started = tmp_path / "started"
    hanging = executor.submit(jobs.begin_and_hang, started, 4.0)
    until(started.exists)
    assert [executor.submit(jobs.double, n, PATIENT).result() for n in range(5)] == [0, 2, 4, 6, 8]
    assert not hanging.done()
    assert isinstance(hanging.exception(PATIENT), JobTimeoutError)


def test_a_process_that_dies_fails_its_job_alone(executor: JobExecutor, tmp_path: Path) -> None:
    release = tmp_path / "release"
    other = executor.submit(jobs.wait_for, release, PATIENT)
    with pytest.raises(JobLostError, match=r"was killed by SIGKILL.*next run"):
        executor.submit(jobs.kill_itself, None, PATIENT).result(PATIENT)
    assert executor.submit(jobs.double, 4, PATIENT).result(PATIENT) == 8
    release.touch()
    assert other.result(PATIENT) == "release"


def test_only_so_many_jobs_run_at_once(executor: JobExecutor, tmp_path: Path, until: Until) -> None:
    release = tmp_path / "release"
    running = [executor.submit(jobs.wait_for, release, PATIENT) for _ in range(4)]
    until(lambda: len(list(tmp_path.glob("release.*"))) == 2)
    assert not any(future.done() for future in running)
    release.touch()
    assert [future.result(PATIENT) for future in running] == ["release"] * 4
    assert len(list(tmp_path.glob("release.*"))) == 2


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
