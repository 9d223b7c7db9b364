"""What tests of every room stand on: a trained bundle, a service in its own process, the shared data."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE, THRESHOLD_FILE, digest
from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.data.synthetic import make_synthetic
from anomaliz.training.pipeline import train

pytest_plugins = ["real_servers", "real_stores", "dask_cluster"]

REPOSITORY = Path(__file__).parents[1]
SERVE = (
    "from anomaliz.api.serve import serve; from anomaliz.config.loading import load_settings; "
    "serve(load_settings(env_file=None))"
)

SMALL = {"training.n_seeds": 1, "training.epochs": 3, "data.n_points": 3000}


def pytest_configure() -> None:
    """Have child processes hear Ctrl-C, which they do not where a script runs the tests in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Server:
    """A service in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def wait_until_alive(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            if "Uvicorn running on" in self.log.read_text():
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())


StartServer = Callable[..., Server]
Answers = Counter[tuple[int, str, float]]
"""How often which status came with which bundle's hash and threshold."""
AskedBy = Callable[[str, int], AbstractContextManager[Answers]]


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(artifact_dir: Path, **variables: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ANOMALIZ_")}
    return plain | {"ANOMALIZ_ARTIFACT_DIR": str(artifact_dir), "OMP_NUM_THREADS": "1"} | variables


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Settings of a training of seconds."""
    return load_settings(overrides=SMALL, environ={}, env_file=None)


@pytest.fixture(scope="session")
def bundle_dir(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A small bundle of cpu, memory and latency, trained as a user would train one."""
    out = tmp_path_factory.mktemp("artifacts") / "small"
    data = settings.data
    dataset = make_synthetic(data.profile, data.n_points, settings.training.seed, data.window_size)
    train(settings, dataset, out)
    return out


@pytest.fixture(scope="session")
def bundle(bundle_dir: Path) -> Bundle:
    return Bundle.load(bundle_dir)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of labelled series, which the project does not ship."""
    folder = Path(os.environ.get("ANOMALIZ_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("the labelled series are absent: set ANOMALIZ_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def find_port() -> Callable[[], int]:
    """Find ports on loopback that nobody listens on."""
    return unused_port


@pytest.fixture
def free_port() -> int:
    """A port on loopback that nobody listens on."""
    return unused_port()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start `serve` in its own process; extra settings are environment variables."""
    servers: list[Server] = []

    def start(
        directory: Path,
        command: tuple[str, ...] = ("-c", SERVE),
        *,
        port: int | None = None,
        **variables: str,
    ) -> Server:
        port = port or unused_port()
        log = tmp_path / f"server-{len(servers)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, *command, *(("--port", str(port)) if command[0] == "-m" else ())],
                env=environment(directory, ANOMALIZ__API__PORT=str(port), **variables),
                cwd=tmp_path,
                stdout=stream,
                stderr=stream,
            )
        server = Server(process, port, log)
        servers.append(server)
        server.wait_until_alive()
        return server

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def window(bundle: Bundle) -> dict[str, Any]:
    """A normal window as /analyze takes it."""
    return {name: column.tolist() for name, column in zip(bundle.features, bundle.canary.T, strict=True)}


@pytest.fixture
def asked_by(window: dict[str, Any]) -> AskedBy:
    """Ask `/analyze` again and again while a block runs; then the answers are in what it was given."""

    def ask(url: str, stop: threading.Event) -> Answers:
        seen: Answers = Counter()
        with httpx.Client(base_url=url) as client:
            while not stop.is_set():
                response = client.post("/analyze", json=window)
                answer = response.json()
                seen[response.status_code, answer["bundle"]["sha256"], answer["threshold"]] += 1
        return seen

    @contextmanager
    def asked_by(url: str, clients: int) -> Iterator[Answers]:
        seen: Answers = Counter()
        stop = threading.Event()
        with ThreadPoolExecutor(clients) as pool:
            asking = [pool.submit(ask, url, stop) for _ in range(clients)]
            try:
                yield seen
            finally:
                stop.set()
            for task in asking:
                seen.update(task.result())

    return asked_by


@pytest.fixture
def served_dir(bundle_dir: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may change."""
    return Path(shutil.copytree(bundle_dir, tmp_path / "served"))


@pytest.fixture
def other_dir(bundle_dir: Path, tmp_path: Path) -> Path:
    """Another bundle of the same features, whose threshold tells it from the first one."""
    directory = Path(shutil.copytree(bundle_dir, tmp_path / "other"))
    state = json.loads((directory / THRESHOLD_FILE).read_text())
    state["window"]["decision"]["threshold"] = 0.123
    (directory / THRESHOLD_FILE).write_text(json.dumps(state))
    resign(directory)
    return directory


def resign(directory: Path) -> None:
    """Write the hashes that the files have now into the manifest."""
    manifest = json.loads((directory / MANIFEST_FILE).read_text())
    manifest["files"] = {name: digest((directory / name).read_bytes()) for name in manifest["files"]}
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest))


@pytest.fixture
def resigned() -> Callable[[Path], None]:
    return resign


@pytest.fixture
def variables() -> Callable[..., dict[str, str]]:
    return environment


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """In CI a skipped test is a failed one: a skip there hides a gap."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
    return report
