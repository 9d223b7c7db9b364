"""A real MLflow server with its database and its artifacts, and bundles registered in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import read_manifest
from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.registry import BUNDLE_SHA256, BUNDLE_VERSION
from anomaliz.tracking.revision import Revision
from anomaliz.tracking.store import connected

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
MODEL = """
import mlflow
import pandas as pd

class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return model_input

mlflow.models.set_model(Echo())
"""

Register = Callable[..., str]


def until(condition: Callable[[], bool], what: str = "what was waited for", seconds: float = 60) -> None:
    """Wait for `condition`; fail after `seconds`, naming what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.005)


def answers(url: str) -> bool:
    """Whether a server answers `url` with 200."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
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
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def mlflow_server(
    tmp_path_factory: pytest.TempPathFactory, find_port: Callable[[], int]
) -> Iterator[MlflowServer]:
    """A server for the whole session; a test that kills it starts it again."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), find_port())
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


@pytest.fixture
def register(mlflow_server: MlflowServer, tmp_path: Path) -> Register:
    """Register a bundle, which may be a broken one, with the tags of training; returns the version."""
    code = tmp_path / "echo.py"
    code.write_text(MODEL)

    def register(directory: Path, name: str = "anomaliz", sha256: str | None = None) -> str:
        import mlflow

        manifest, digest = read_manifest(directory)
        with connected(mlflow_server.uri) as client:
            with mlflow.start_run():
                mlflow.log_artifacts(str(directory), "bundle")
                model = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(code),
                    artifacts={"bundle": str(directory)},
                    pip_requirements=[],
                    registered_model_name=name,
                )
            version = str(model.registered_model_version)
            client.set_model_version_tag(name, version, BUNDLE_SHA256, sha256 or digest)
            client.set_model_version_tag(name, version, BUNDLE_VERSION, manifest.version)
        return version

    return register


@pytest.fixture
def point(mlflow_server: MlflowServer) -> Callable[[str, str, str], None]:
    """Give a model's version an alias."""

    def point(name: str, alias: str, version: str) -> None:
        with connected(mlflow_server.uri) as client:
            client.set_registered_model_alias(name, alias, version)

    return point


@pytest.fixture(name="until", scope="session")
def _until() -> Callable[..., None]:
    return until
