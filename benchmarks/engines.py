"""Times 500 metrics on each engine: `python -m benchmarks.engines [--dagster PROGRAM]`.

One pipeline of 500 series, and 50 pipelines of 10, are scored by processes of the daemon, by two workers of
Dask, and in Dagster, each two jobs at a time. The first round has the trainings, the second is what each
later one costs.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
import yaml

from anomaliz.config.loading import load_settings
from anomaliz.core.errors import ConflictError
from anomaliz.pipelines.daemon.daemon import Daemon

SERIES = 500
SHAPES = {"1 pipeline of 500 series": 1, "50 pipelines of 10 series": 50}
STEP = 10
"""Seconds."""
PAST, FUTURE = 3 * 3600, 1800
"""Seconds of data before and after now."""
JOBS_AT_ONCE = 2
DEFINITIONS = """
from anomaliz.pipelines.dagster import definitions

defs = definitions(["pipelines.yaml"])
"""


def main(
    dagster: Annotated[
        Path | None, typer.Option(help="The program, where Dagster is to be timed too.")
    ] = None,
) -> None:
    """Print the seconds of both rounds, by engine and shape."""
    print(f"{'seconds, first round / next round':<40}" + "".join(f"{name:>28}" for name in SHAPES))
    show("embedded, 2 processes", [embedded(n) for n in SHAPES.values()])
    with dask_cluster() as address:
        show("Dask, 2 workers", [embedded(n, address) for n in SHAPES.values()])
    if dagster is not None:
        show("Dagster, 2 processes", [in_dagster(n, dagster.absolute()) for n in SHAPES.values()])


def show(engine: str, rounds: list[tuple[float, float]]) -> None:
    cells = (f"{first:.1f} / {later:.1f}" for first, later in rounds)
    print(f"{engine:<40}" + "".join(f"{cell:>28}" for cell in cells), flush=True)


def embedded(pipelines: int, executor: str = "processes") -> tuple[float, float]:
    """Return the seconds until a daemon has trained and scored all, and until it has scored all again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        define(folder, pipelines)
        settings = load_settings(
            overrides={
                "pipelines.executor": executor,
                "pipelines.workers": JOBS_AT_ONCE,
                "pipelines.store": f"sqlite:///{folder}/store.db",
                "pipelines.folder": str(folder / "kept"),
            },
            environ={},
            env_file=None,
        )
        daemon = Daemon([folder / "pipelines.yaml"], settings, environ={})
        names = [pipeline.name for pipeline in daemon.definitions.pipelines]
        began = time.perf_counter()
        with daemon.running():
            while not all(name in daemon.reports and daemon.reports[name].kind == "score" for name in names):
                time.sleep(0.01)
            first = time.perf_counter() - began
            return first, scored_again(daemon, names)


def scored_again(daemon: Daemon, names: list[str]) -> float:
    """Return the seconds in which all pipelines score what is new since the first round."""
    time.sleep(STEP)
    began = time.perf_counter()
    jobs = []
    for name in names:
        while True:
            try:
                jobs.append(daemon.request(name, "score"))
                break
            except ConflictError:
                time.sleep(0.01)
    for job in jobs:
        while not (found := daemon.store.job(job.id)) or not found.finished:
            time.sleep(0.01)
        if found.status != "done":
            raise SystemExit(found.message)
    return time.perf_counter() - began


def in_dagster(pipelines: int, program: Path) -> tuple[float, float]:
    """Return the seconds in which one run scores all pipelines, the first time and once more.

    Dagster's own schedules would begin a run for each pipeline, which costs more.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        define(folder, pipelines)
        (folder / "definitions.py").write_text(DEFINITIONS)
        (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        first = materialized(folder, program)
        time.sleep(STEP)
        return first, materialized(folder, program)


def materialized(folder: Path, program: Path) -> float:
    config = {"execution": {"config": {"multiprocess": {"max_concurrent": JOBS_AT_ONCE}}}}
    command = [str(program), "asset", "materialize", "-f", "definitions.py", "--select", 'key:"*/score"']
    ours = {"DAGSTER_HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--config-json", json.dumps(config)],
        cwd=folder,
        env={**os.environ, **ours},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return time.perf_counter() - began


def define(folder: Path, pipelines: int) -> None:
    """Write the series as files of Parquet, one for each pipeline, and the definitions."""
    now = int(time.time()) // STEP * STEP
    stamps = np.arange(now - PAST, now + FUTURE, STEP)
    rng = np.random.default_rng(7)
    width = SERIES // pipelines
    for i in range(pipelines):
        noise = rng.normal(scale=0.1, size=(len(stamps), width))
        values = np.sin(stamps[:, np.newaxis] / 600 + np.arange(width)) + noise
        frame = pd.DataFrame(values, columns=[f"metric_{j}" for j in range(width)])
        frame.insert(0, "timestamp", pd.to_datetime(stamps, unit="s", utc=True))
        frame.to_parquet(folder / f"{i}.parquet")
    shared = {"schedule": "0 0 1 1 *", "step": STEP, "train": {"window": PAST - 600}}
    content = {
        "defaults": shared,
        "sources": {"tables": {"type": "files", "url": str(folder)}},
        "sinks": {"lines": {"type": "json_lines", "path": str(folder / "scores.jsonl")}},
        "pipelines": [{"name": f"p{i}", "query": f"{i}.parquet"} for i in range(pipelines)],
    }
    (folder / "pipelines.yaml").write_text(yaml.safe_dump(content))


@contextmanager
def dask_cluster() -> Iterator[str]:
    """Run a scheduler and two workers of one thread on loopback; yield their address for the settings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    scheduler = [
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-dashboard",
    ]
    worker = ["distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nworkers", str(JOBS_AT_ONCE)]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", folder]
        commands = [[sys.executable, "-m", *scheduler], [sys.executable, "-m", *worker, *options]]
        processes = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            wait_for_workers(port)
            yield f"dask://127.0.0.1:{port}"
        finally:
            for process in processes:
                process.terminate()
                process.wait()


def wait_for_workers(port: int) -> None:
    from distributed import Client

    with Client(f"tcp://127.0.0.1:{port}", timeout=30, set_as_default=False) as client:
        client.wait_for_workers(JOBS_AT_ONCE, timeout=60)


if __name__ == "__main__":
    typer.run(main)
