"""A folder with definitions, functions that they read from, and daemons over it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.core.errors import ConflictError
from anomaliz.pipelines.daemon.daemon import Daemon
from anomaliz.pipelines.outcome import Report
from anomaliz.store.job import Job

STEADY = '''
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def ingest(start, end):
    """A sample each second; waits while there is a file `hang`, fails while there is a file `down`."""
    (HERE / "begun").touch()
    while (HERE / "hang").exists():
        time.sleep(0.01)
    if (HERE / "down").exists():
        raise OSError("the source is down")
    times = pd.date_range(start, end, freq="1s", inclusive="left")
    seconds = (times - pd.Timestamp("2020-01-01", tz="UTC")).total_seconds().to_numpy()
    values = np.sin(seconds / 60) + 0.1 * np.sin(seconds * 12.9898)
    return pd.DataFrame({"timestamp": times, "value": values})
'''
PATIENCE = 60.0

Until = Callable[[Callable[[], object]], None]


def wait_until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def until() -> Until:
    return wait_until


def pipeline(name: str = "steady", **keys: object) -> dict[str, Any]:
    """Return a definition with a stamp each second, so that there is something new at any time."""
    usual = {
        "name": name,
        "query": "steady.py",
        "schedule": "0 0 1 1 *",
        "step": "1s",
        "train": {"window": "10m"},
    }
    return usual | keys


@dataclass
class Workplace:
    """What a daemon finds in its folder."""

    folder: Path
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source("steady")

    @property
    def file(self) -> Path:
        return self.folder / "pipelines.yaml"

    @property
    def scores(self) -> Path:
        return self.folder / "scores.jsonl"

    def source(self, name: str) -> Path:
        """Add a function of its own to a folder of its own; its files make it hang or fail."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "steady.py").write_text(STEADY)
        return folder

    def define(self, *pipelines: dict[str, Any], **sections: Any) -> None:
        """Write the file of definitions; every folder of functions is a source."""
        sources = {
            found.parent.name: {"type": "python", "folder": str(found.parent)}
            for found in sorted(self.folder.glob("*/steady.py"))
        }
        sinks = {"lines": {"type": "json_lines", "path": str(self.scores)}}
        content = {"sources": sources, "sinks": sinks, "pipelines": list(pipelines)} | sections
        # At once, so that a daemon that looks meanwhile sees the old or the new one.
        new = self.file.with_suffix(".new")
        new.write_text(yaml.safe_dump(content))
        new.rename(self.file)

    def settings(self, **overrides: object) -> Settings:
        usual = {
            "pipelines.store": f"sqlite:///{self.folder}/store.db",
            "pipelines.folder": str(self.folder / "kept"),
            "pipelines.workers": 2,
            "pipelines.watch_seconds": 0.1,
            "pipelines.shutdown_seconds": 10,
            "artifact_dir": str(self.folder / "bundle"),
        }
        given = {key.replace("__", "."): value for key, value in overrides.items()}
        return load_settings(overrides=usual | given, environ={}, env_file=None)

    def daemon(self, **overrides: object) -> Daemon:
        daemon = Daemon([self.file], self.settings(**overrides), environ={})
        daemon.on_report(self.reports.append)
        return daemon

    def begin_to_hang(self, daemon: Daemon, name: str = "steady") -> Job:
        """Have a job score that hangs until the file `hang` is removed; before the next stamp none reads."""
        folder = self.folder / name
        (folder / "begun").unlink()
        (folder / "hang").touch()
        return self._request_until(daemon, name, lambda _: (folder / "begun").exists())

    def score(self, daemon: Daemon, name: str = "steady") -> Job:
        """Have a job score something new, and return it when it has ended."""

        def told(job: Job) -> bool:
            found = daemon.store.job(job.id)
            return found is not None and found.finished and "nothing new" not in found.message

        job = self._request_until(daemon, name, told)
        return daemon.store.job(job.id) or job

    def _request_until(self, daemon: Daemon, name: str, told: Callable[[Job], bool]) -> Job:
        newest: list[Job] = []

        def is_told() -> bool:
            with suppress(ConflictError):
                if not newest or not told(newest[-1]):
                    newest.append(daemon.request(name, "score"))
            return bool(newest) and told(newest[-1])

        wait_until(is_told)
        return newest[-1]

    def newest(self, kind: str, name: str = "steady") -> Report | None:
        found = [report for report in self.reports if report.kind == kind and report.pipeline == name]
        return found[-1] if found else None

    def written(self, metric: str = "anomaly_score") -> list[str]:
        """Return the stamps of a written series, in the order of the file."""
        if not self.scores.exists():
            return []
        lines = [json.loads(line) for line in self.scores.read_text().splitlines()]
        return [line["time"] for line in lines if line["labels"]["__name__"] == metric]


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def define() -> Callable[..., dict[str, Any]]:
    return pipeline


@pytest.fixture
def running() -> Iterator[Callable[[Daemon], Daemon]]:
    """Start daemons that stop when the test ends."""
    started: list[Daemon] = []

    def start(daemon: Daemon) -> Daemon:
        daemon.start()
        started.append(daemon)
        return daemon

    yield start
    for daemon in started:
        if daemon.started:
            daemon.stop()


@pytest.fixture
def make_due() -> Callable[[Daemon], None]:
    """Have all jobs of a daemon that is about to stop be due an hour ago, as after a long stop."""

    def make(daemon: Daemon) -> None:
        daemon._schedule._scheduler.pause()
        jobs = daemon._schedule._scheduler._jobstores["default"]
        for job in jobs.get_all_jobs():
            job._modify(next_run_time=datetime.now(UTC) - timedelta(hours=1))
            jobs.update_job(job)

    return make


@dataclass
class Process:
    """`anomaliz run` in a process of its own."""

    process: "subprocess.Popen[bytes]"
    log: Path
    url: str

    def records(self) -> list[dict[str, Any]]:
        found = []
        for line in self.log.read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def said(self, message: str) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["message"] == message]

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz").status_code == 200
        return False


@pytest.fixture
def run_process(workplace: Workplace, free_port: int) -> Iterator[Callable[..., Process]]:
    """Run the command over the workplace's file, and kill it when the test ends."""
    started: list[Process] = []

    def run(*options: str, wait: bool = True) -> Process:
        settings = {
            "ANOMALIZ__PIPELINES__STORE": f"sqlite:///{workplace.folder}/store.db",
            "ANOMALIZ__PIPELINES__FOLDER": str(workplace.folder / "kept"),
            "ANOMALIZ__PIPELINES__WORKERS": "2",
            "ANOMALIZ__PIPELINES__WATCH_SECONDS": "0",
            "ANOMALIZ__PIPELINES__SHUTDOWN_SECONDS": "10",
        }
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ANOMALIZ_")}
        log = workplace.folder / f"run-{len(started)}.log"
        command = [sys.executable, "-m", "anomaliz.cli", "run", str(workplace.file), "--port", str(free_port)]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*command, *options], env=plain | settings, cwd=workplace.folder, stdout=stream, stderr=stream
            )
        found = Process(process, log, f"http://127.0.0.1:{free_port}")
        started.append(found)
        if wait:
            wait_until(found.ready)
        return found

    yield run
    for found in started:
        found.process.kill()
        found.process.wait()
