"""Real Prometheus and VictoriaMetrics on loopback, started for the tests that need them.

Their programs are looked for in the folder ANOMALIZ_TEST_BIN and on PATH; without them a test skips.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PATIENCE = 20.0
"""Seconds for a server to become ready."""


def program(name: str, package: str) -> str:
    """Return the path of a program; skip the test without it."""
    folders = os.pathsep.join([os.environ.get("ANOMALIZ_TEST_BIN", ""), os.environ["PATH"]])
    found = shutil.which(name, path=folders)
    if found is None:
        pytest.skip(f"{name} is absent: apt-get install {package}, or set ANOMALIZ_TEST_BIN to its folder")
    return found


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], ready: str, log: Path) -> Iterator[None]:
    """Run a server until the end of the block, from the moment that `ready` answers 200."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _wait(process, ready, log)
            yield
        finally:
            process.kill()


def _wait(process: "subprocess.Popen[bytes]", ready: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(ready, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"{ready} did not become ready: {log.read_text()[-1000:]}")


@contextmanager
def running_prometheus(
    folder: Path, *flags: str, out_of_order: str = "20y", configured: str = ""
) -> Iterator[str]:
    """Run a Prometheus that takes remote writes of any age, and yield its URL."""
    path = program("prometheus", "prometheus")
    configuration = folder / "prometheus.yml"
    configuration.write_text(f"storage: {{tsdb: {{out_of_order_time_window: {out_of_order}}}}}\n{configured}")
    url = f"http://127.0.0.1:{port()}"
    command = [
        path,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        # Without these, old samples start a compaction that does not end.
        "--storage.tsdb.min-block-duration=20y",
        "--storage.tsdb.max-block-duration=20y",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-remote-write-receiver",
        *flags,
    ]
    with running(command, f"{url}/-/ready", folder / "prometheus.log"):
        yield url


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Prometheus that all tests share: each writes series of its own name."""
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a VictoriaMetrics that all tests share."""
    folder = tmp_path_factory.mktemp("victoria-metrics")
    path = program("victoria-metrics", "victoria-metrics")
    url = f"http://127.0.0.1:{port()}"
    command = [
        path,
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr={url.removeprefix('http://')}",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
    ]
    with running(command, f"{url}/health", folder / "log"):
        yield url
