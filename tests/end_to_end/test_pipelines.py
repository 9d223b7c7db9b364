"""A pipeline from Prometheus or VictoriaMetrics and back, as a user runs it."""

import csv
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from real_servers import program, running_prometheus

pytestmark = pytest.mark.slow

STEP = 300
NAB = "realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv"


@pytest.fixture(scope="module")
def series(shared: Path) -> list[tuple[int, float]]:
    """A series of NAB with its stamps moved so that its last lies at the last full five minutes."""
    with (shared / "nab" / "data" / NAB).open() as file:
        values = [float(row["value"]) for row in csv.DictReader(file)]
    end = int(np.datetime64("now", "s").astype(int)) // STEP * STEP
    return [(end - (len(values) - 1 - i) * STEP, value) for i, value in enumerate(values)]


@pytest.fixture(scope="module")
def loaded(series: list[tuple[int, float]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that promtool loaded with it."""
    folder = tmp_path_factory.mktemp("loaded")
    text = folder / "series.txt"
    lines = [f'cpu{{instance="i-1",job="ec2"}} {value} {time}' for time, value in series]
    text.write_text("\n".join(["# TYPE cpu gauge", *lines, "# EOF", ""]))
    promtool = program("promtool", "prometheus")
    command = [promtool, "tsdb", "create-blocks-from", "--max-block-duration=10000h", "openmetrics"]
    subprocess.run([*command, str(text), str(folder / "data")], check=True, capture_output=True)
    with running_prometheus(folder) as url:
        yield url


def anomaliz(folder: Path, *arguments: str, **variables: str) -> str:
    environment = os.environ | {
        "ANOMALIZ__PIPELINES__STORE": f"sqlite:///{folder / 'state.db'}",
        "ANOMALIZ__PIPELINES__FOLDER": str(folder / "pipelines"),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-m", "anomaliz.cli", "pipelines", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(url: str, query: str, series: list[tuple[int, float]]) -> dict[int, float]:
    """Return the exact samples of the one series that `query` selects."""
    answer = httpx.get(
        f"{url}/api/v1/query", params={"query": f"{query}[400d]", "time": series[-1][0] + 7200}
    )
    (found,) = answer.raise_for_status().json()["data"]["result"]
    return {int(time): float(value) for time, value in found["values"]}


def test_read_trained_scored_written_back_and_queried(
    loaded: str, series: list[tuple[int, float]], tmp_path: Path
) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(
        textwrap.dedent(
            """
            pipelines:
              - name: cpu_anomaly
                query: 'avg(cpu) by (instance)'
                context_window: 1h
                prediction_horizon: 5m
                schedule: "*/5 * * * *"
            """
        )
    )
    address = {"ANOMALIZ__SOURCES__PROMETHEUS__URL": loaded}
    assert "1 series" in anomaliz(tmp_path, "check", str(file), **address)
    said = anomaliz(tmp_path, "score", str(file), "cpu_anomaly", **address)
    assert "train ok" in said
    assert "score ok, 1 points" in said
    start, end = (f"{np.datetime64(series[i][0], 's')}Z" for i in (-1000, -1))
    asked = ("backfill", str(file), "cpu_anomaly", "--from", start, "--to", end)
    assert "999 points" in anomaliz(tmp_path, *asked, **address)
    scores = stored(loaded, 'anomaly_score{pipeline="cpu_anomaly",instance="i-1"}', series)
    assert set(scores) == {time for time, _ in series[-1000:]}
    assert all(score >= 0 for score in scores.values())
    expected = stored(loaded, 'expected{pipeline="cpu_anomaly"}', series)
    assert max(expected) == series[-1][0] + STEP
    flags = stored(loaded, 'anomaly{pipeline="cpu_anomaly"}', series)
    assert {time for time, value in flags.items() if value == 1} == {
        time for time, score in scores.items() if score >= 1
    }
    anomaliz(tmp_path, *asked, **address)
    assert stored(loaded, 'anomaly_score{pipeline="cpu_anomaly"}', series) == scores


def test_victoria_metrics_likewise(
    victoria_metrics: str, series: list[tuple[int, float]], tmp_path: Path
) -> None:
    lines = "\n".join(f'nab_cpu{{instance="i-1"}} {value} {time}000' for time, value in series)
    httpx.post(f"{victoria_metrics}/api/v1/import/prometheus", content=lines).raise_for_status()
    httpx.get(f"{victoria_metrics}/internal/force_flush").raise_for_status()
    file = tmp_path / "pipelines.yaml"
    file.write_text(
        textwrap.dedent(
            f"""
            sources:
              vm: {{type: prometheus, url: "{victoria_metrics}"}}
            sinks:
              vm: {{type: remote_write, url: "{victoria_metrics}"}}
            pipelines:
              - name: vm_cpu
                query: nab_cpu
                schedule: "*/5 * * * *"
            """
        )
    )
    anomaliz(tmp_path, "score", str(file), "vm_cpu")
    start, end = (f"{np.datetime64(series[i][0], 's')}Z" for i in (-500, -1))
    anomaliz(tmp_path, "backfill", str(file), "vm_cpu", "--from", start, "--to", end)
    httpx.get(f"{victoria_metrics}/internal/force_flush").raise_for_status()
    scores = stored(victoria_metrics, 'anomaly_score{pipeline="vm_cpu",metric="nab_cpu"}', series)
    assert set(scores) == {time for time, _ in series[-500:]}
