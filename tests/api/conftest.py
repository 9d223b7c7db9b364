"""A service in this process."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from anomaliz.api.main import create_app
from anomaliz.config.loading import load_settings

Window = dict[str, Any]
StartClient = Callable[..., TestClient]


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
def strange_window(window: Window) -> Window:
    """The same with an end that no normal window has."""
    return window | {"cpu": [*window["cpu"][:-1], 0.99], "latency": [*window["latency"][:-1], 180.0]}


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
