"""A real MLflow server with its database and its artifacts, and what tests ask of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.revision import Revision

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for `condition`; fail after `seconds`, naming what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.005)


def answers(url: str) -> bool:
    """Whether a server answers `url` with 200."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


@dataclass
class MlflowServer:
    """An MLflow server on loopback; killed and started again, it has the same address, runs and artifacts."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def start(self) -> None:
        options = {
            "--host": "127.0.0.1",
            "--port": str(self.port),
            "--workers": "1",
            "--backend-store-uri": f"sqlite:///{self.folder}/mlflow.db",
            "--artifacts-destination": str(self.artifacts),
        }
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *(part for pair in options.items() for part in pair)],
            cwd=self.folder,
            env={**os.environ, **QUIET},
            stdout=log,
            stderr=log,
            start_new_session=True,  # its workers end with it, by its group
        )
        log.close()
        until(lambda: answers(f"{self.uri}/health"), "the start of MLflow", 120)

    def kill(self) -> None:
        """End the server and its workers at once, in the middle of whatever they do."""
        if self.process is not None:
            end_group(self.process)
            self.process = None


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that leads a group, with the group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server for the whole session; a test that kills it starts it again."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), unused_port())
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mlflow_environment() -> dict[str, str]:
    """The environment of MLflow's own commands: nothing of ours, and no talk with the outside."""
    ours = ("ANOMALIZ_", "MLFLOW_", "PYTHONPATH")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    # MLflow starts uvicorn by its name.
    return {**plain, **QUIET, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def client(mlflow_server: MlflowServer) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(mlflow_server.uri, mlflow_server.uri)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of this test's own for its experiment and its registered model."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)


@pytest.fixture
def tracking_settings(mlflow_server: MlflowServer, tmp_path: Path, name: str) -> Callable[..., Settings]:
    """Make settings that record at the server, under this test's name; options are of `tracking`."""

    def make(**options: object) -> Settings:
        tracking = {
            "logger": "mlflow",
            "experiment_name": name,
            "tracking_uri": mlflow_server.uri,
            "artifact_folder": str(tmp_path / "mlruns"),
            "model_name": name,
            "spool_dir": str(tmp_path / "spool"),
            **options,
        }
        overrides = {f"tracking.{key}": value for key, value in tracking.items()}
        return load_settings(overrides=overrides, environ={}, env_file=None)

    return make


@pytest.fixture
def record(tracking_settings: Callable[..., Settings], bundle: Bundle) -> TrainingRecord:
    """The record of a training of 90 seconds that gave the small bundle."""
    revision = Revision("0123456789abcdef0123456789abcdef01234567", dirty=True)
    return TrainingRecord.of(bundle.version, tracking_settings(), 1_700_000_000.0, 1_700_000_090.0, revision)


@pytest.fixture(name="until", scope="session")
def _until() -> Callable[..., None]:
    return until
