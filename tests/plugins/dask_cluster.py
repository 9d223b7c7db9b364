"""A Dask scheduler and its workers on loopback, started for the tests that need them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_servers import PATIENCE, port


@contextmanager
def running_scheduler(folder: Path, on: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a scheduler until the end of the block."""
    command = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(on), "--no-dashboard"]
    with _running(command, folder / "scheduler.log", "Scheduler at") as process:
        yield process


@contextmanager
def running_workers(folder: Path, on: int, workers: int) -> Iterator[None]:
    """Run workers of one thread each until the end of the block."""
    command = ["distributed.cli.dask_worker", f"tcp://127.0.0.1:{on}", "--host", "127.0.0.1"]
    options = ["--nworkers", str(workers), "--nthreads", "1", "--no-dashboard"]
    options += ["--local-directory", str(folder)]
    with _running([*command, *options], folder / "workers.log", "Registered to", workers):
        yield


@contextmanager
def _running(
    command: list[str], log: Path, ready: str, times: int = 1
) -> Iterator["subprocess.Popen[bytes]"]:
    # Jobs are found by their modules' names, which lie where this one does.
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command], stdout=output, stderr=output, env=environment
        ) as process,
    ):
        try:
            _wait(process, log, ready, times)
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(process: "subprocess.Popen[bytes]", log: Path, ready: str, times: int) -> None:
    until = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if log.read_text().count(ready) >= times:
            return
        time.sleep(0.05)
    pytest.fail(f"{process.args} did not become ready: {log.read_text()[-1000:]}")


@pytest.fixture(scope="session")
def dask_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a cluster with two workers that all tests share."""
    folder, on = tmp_path_factory.mktemp("dask"), port()
    with running_scheduler(folder, on), running_workers(folder, on, 2):
        yield f"dask://127.0.0.1:{on}"
