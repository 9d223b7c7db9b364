"""Server processes on loopback, and what the operating system says of them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load import latencies, request

PATIENCE = 60.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    seconds_to_first_answer: float
    process: psutil.Process

    @property
    def resident_megabytes(self) -> float:
        return float(self.process.memory_info().rss / 2**20)


@contextmanager
def running(
    app: str, bundle: Path, path: str, body: bytes, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `app` by uvicorn with one worker, until the block ends; it has answered `body` on `path` once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--factory", "--no-access-log"]
    settings = {"ANOMALIZ_ARTIFACT_DIR": str(bundle), **(variables or {})}
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **settings}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(process, port, request(port, path, body))
            yield Server(port, time.perf_counter() - began, psutil.Process(process.pid))
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int, message: bytes) -> None:
    until = time.perf_counter() + PATIENCE
    while True:
        try:
            latencies(port, message, 1)
        except OSError:
            if process.poll() is not None or time.perf_counter() > until:
                raise
            time.sleep(0.01)
        else:
            return
