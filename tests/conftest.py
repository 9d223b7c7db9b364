"""What tests of every room stand on: a really trained bundle, and the shared data."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.data.synthetic import make_synthetic
from anomaliz.training.pipeline import train

pytest_plugins = ["real_servers", "real_stores"]

REPOSITORY = Path(__file__).parents[1]
SMALL = {"training.n_seeds": 1, "training.epochs": 3, "data.n_points": 3000}


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


@pytest.fixture
def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
