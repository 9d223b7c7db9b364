"""A service in this process, and one in its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from anomaliz.api.main import create_app
from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE, THRESHOLD_FILE, digest
from anomaliz.config.loading import load_settings

SERVE = (
    "from anomaliz.api.serve import serve; from anomaliz.config.loading import load_settings; "
    "serve(load_settings(env_file=None))"
)

Window = dict[str, Any]
StartClient = Callable[..., TestClient]


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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(artifact_dir: Path, **variables: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ANOMALIZ_")}
    return plain | {"ANOMALIZ_ARTIFACT_DIR": str(artifact_dir), "OMP_NUM_THREADS": "1"} | variables


@pytest.fixture
def start_client() -> Iterator[StartClient]:
    """Start a service for a bundle's directory, with settings by their dotted keys."""
    clients: list[TestClient] = []

    def start(directory: Path, **overrides: object) -> TestClient:
        keys = {key.replace("__", "."): value for key, value in overrides.items()}
        settings = load_settings(
            overrides={"artifact_dir": str(directory), "api.reload_seconds": 0, **keys},
            environ={},
            env_file=None,
        )
        client = TestClient(create_app(settings), raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start_client: StartClient, bundle_dir: Path) -> TestClient:
    return start_client(bundle_dir)


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
        port = port or free_port()
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
def window(bundle: Bundle) -> Window:
    """A normal window as /analyze takes it."""
    return {name: column.tolist() for name, column in zip(bundle.features, bundle.canary.T, strict=True)}


@pytest.fixture
def strange_window(window: Window) -> Window:
    """The same with an end that no normal window has."""
    return window | {"cpu": [*window["cpu"][:-1], 0.99], "latency": [*window["latency"][:-1], 180.0]}


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


def stamps(n: int, step_seconds: int = 300) -> list[str]:
    start = np.datetime64("2024-01-01T00:00:00")
    return [f"{start + np.timedelta64(i * step_seconds, 's')}Z" for i in range(n)]


@pytest.fixture
def swap() -> Callable[[Path, Path], None]:
    """Put a bundle in the place of another, as training does."""

    def put(new: Path, directory: Path) -> None:
        aside = directory.with_name(f".{directory.name}.old-{time.monotonic_ns()}")
        copy = Path(shutil.copytree(new, directory.with_name(f".{directory.name}.new-{time.monotonic_ns()}")))
        directory.rename(aside)
        copy.rename(directory)
        shutil.rmtree(aside)

    return put


@pytest.fixture
def stamps_every_step() -> Callable[[int], list[str]]:
    return stamps


@pytest.fixture
def resigned() -> Callable[[Path], None]:
    return resign


@pytest.fixture
def variables() -> Callable[..., dict[str, str]]:
    return environment
