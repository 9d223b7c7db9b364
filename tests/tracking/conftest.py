"""A real MLflow server on loopback, and bundles registered in it."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from anomaliz.bundle.manifest import MANIFEST_FILE
from anomaliz.tracking.registry import ENVIRONMENT

MODEL = """
import mlflow

class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input

mlflow.models.set_model(Echo())
"""

Register = Callable[..., str]


@dataclass
class MlflowServer:
    """`mlflow server` with its database and artifacts in a folder; it can be killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def kill(self) -> None:
        """End it and its workers at once, as a power cut does."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _wait(self) -> None:
        for _ in range(600):
            try:
                httpx.get(f"{self.uri}/health").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "server.log").read_text())


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), port)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def register(mlflow_server: MlflowServer, tmp_path: Path) -> Iterator[Register]:
    """Register a bundle as training does, and give a version an alias; returns the version."""
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    try:
        yield _Registering(mlflow_server.uri, tmp_path).register
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Registering:
    def __init__(self, uri: str, folder: Path) -> None:
        self.uri = uri
        self.code = folder / "echo.py"
        self.code.write_text(MODEL)

    def register(self, directory: Path, name: str = "anomaliz", sha256: str | None = None) -> str:
        import mlflow

        manifest = (directory / MANIFEST_FILE).read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
            with mlflow.start_run():
                mlflow.log_artifacts(str(directory), "bundle")
                model = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(self.code),
                    artifacts={"bundle": str(directory)},
                    pip_requirements=[],
                    registered_model_name=name,
                )
        version = str(model.registered_model_version)
        client = mlflow.MlflowClient(self.uri)
        digest = sha256 or hashlib.sha256(manifest).hexdigest()
        client.set_model_version_tag(name, version, "bundle_sha256", digest)
        client.set_model_version_tag(name, version, "bundle_version", json.loads(manifest)["version"])
        return version


@pytest.fixture
def point(mlflow_server: MlflowServer) -> Callable[[str, str, str], None]:
    """Give a model's version an alias."""
    from mlflow import MlflowClient

    def point(name: str, alias: str, version: str) -> None:
        MlflowClient(mlflow_server.uri).set_registered_model_alias(name, alias, version)

    return point


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition."""

    def until(condition: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "what was waited for did not happen"
            time.sleep(0.05)

    return until
