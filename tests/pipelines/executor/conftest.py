"""An executor of each kind."""

import time
from collections.abc import Callable, Iterator

import pytest

from anomaliz.config.loading import load_settings
from anomaliz.pipelines.executor.executor import JobExecutor, open_executor

Until = Callable[[Callable[[], object]], None]


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def until() -> Until:
    return wait_until


@pytest.fixture(scope="session", params=["processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[JobExecutor]:
    """Two workers, shared by the tests."""
    where = request.getfixturevalue("dask_address") if request.param == "dask" else "processes"
    overrides = {"pipelines.executor": where, "pipelines.workers": 2}
    settings = load_settings(overrides=overrides, environ={}, env_file=None)
    opened = open_executor(settings.pipelines)
    yield opened
    opened.close()
