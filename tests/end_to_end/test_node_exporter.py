"""The worked example of the README: its commands, run as they stand there but for ports that are free."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from real_servers import port, program, running

from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Samples

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
HEADING = "## From node_exporter back to Prometheus"
HISTORY, STEP = 480, 15
"""Two hours before now, a sample in every 15 seconds."""
pytestmark = pytest.mark.slow
PATIENCE = 150
"""Seconds, of which up to 60 are until the schedule's next minute."""


class Example:
    """The files of the example in a folder of their own, on ports that nobody uses, and its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node, self.prometheus, self.service = (f"127.0.0.1:{port()}" for _ in range(3))
        for name in ("node_exporter/prometheus.yml", "node_exporter/pipelines.yaml", "prometheus/rules.yml"):
            file = folder / "deploy" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._on_free_ports((ROOT / "deploy" / name).read_text()))
        block = README.split(HEADING)[1].split("```sh\n")[1].split("```")[0]
        lines = block.replace("\\\n", "").splitlines()
        self.commands = [shlex.split(self._on_free_ports(line)) for line in lines]

    def _on_free_ports(self, text: str) -> str:
        for usual, free in (("9100", self.node), ("9090", self.prometheus), ("8000", self.service)):
            text = text.replace(f"localhost:{usual}", free)
        return text

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return the command of the README that begins with these words."""
        given = [name, *arguments]
        (found,) = (line for line in self.commands if line[: len(given)] == given)
        return [part for part in found if part != "&"]

    def anomaliz(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "anomaliz.cli", *self.command("anomaliz", *arguments)[1:]]

    @property
    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ANOMALIZ_")}
        return plain | {
            "ANOMALIZ__SOURCES__PROMETHEUS__URL": f"http://{self.prometheus}",
            "ANOMALIZ__API__PORT": self.service.split(":")[1],
        }

    def asked(self, query: str) -> list[dict[str, Any]]:
        url = f"http://{self.prometheus}/api/v1/query"
        found: list[dict[str, Any]] = httpx.get(url, params={"query": query}).json()["data"]["result"]
        return found

    def wait_for(self, query: str, alive: Callable[[], bool] = lambda: True) -> list[dict[str, Any]]:
        """Return what `query` gives, once it gives something."""
        until = time.monotonic() + PATIENCE
        while alive() and time.monotonic() < until:
            if found := self.asked(query):
                return found
            time.sleep(0.2)
        raise AssertionError(f"{query} gives nothing")


def remembered(example: Example) -> Iterator[Samples]:
    """Yield two hours that node_exporter could have been scraped in before its first real sample."""
    rng = np.random.default_rng(1)
    for name in (
        "node_cpu_seconds_total",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
        "node_load1",
    ):
        for found in example.wait_for(name):
            first, value = float(found["value"][0]), float(found["value"][1])
            stamps = (np.floor(first) - STEP * np.arange(HISTORY, 0, -1)).astype(np.int64)
            values = np.full(HISTORY, value)
            if name == "node_cpu_seconds_total":
                busy = (
                    rng.uniform(0.7, 0.9, HISTORY)
                    if found["metric"]["mode"] == "idle"
                    else np.full(HISTORY, 0.01)
                )
                values = value - STEP * np.cumsum(busy)[::-1]
            elif not name.endswith("Total_bytes"):
                values = value * rng.uniform(0.9, 1.1, HISTORY)
            yield Samples(found["metric"], stamps.astype("datetime64[s]").astype("datetime64[ns]"), values)


@contextmanager
def background(command: list[str], example: Example, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=example.folder, env=example.environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """The example with node_exporter and Prometheus running, and two hours of history."""
    example = Example(tmp_path_factory.mktemp("example"))
    node, prometheus = example.command("node_exporter"), example.command("prometheus")
    node[0] = program("prometheus-node-exporter", "prometheus-node-exporter")
    prometheus[0] = program("prometheus", "prometheus")
    node += [f"--web.listen-address={example.node}"]
    prometheus += [f"--web.listen-address={example.prometheus}"]
    # It is started elsewhere than in the example's folder.
    prometheus = [re.sub(r"=(deploy|\.anomaliz)/", rf"={example.folder}/\1/", part) for part in prometheus]
    with (
        running(node, f"http://{example.node}/metrics", example.folder / "node.log"),
        running(prometheus, f"http://{example.prometheus}/-/ready", example.folder / "prometheus.log"),
    ):
        settings = RemoteWriteSettings.model_validate({"url": f"http://{example.prometheus}"})
        with closing(RemoteWriteSink(settings, example.folder / "queue")) as sink:
            sink.write(list(remembered(example)))
            sink.flush()
            assert sink.dropped == 0
        yield example


def test_checked_before_it_runs_the_queries_have_data(example: Example) -> None:
    command = example.anomaliz("pipelines", "check")
    done = subprocess.run(
        command, cwd=example.folder, env=example.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node" in done.stdout


def used() -> set[str]:
    """Return the service's metrics that the shipped rules and the dashboard ask for."""
    files = ("prometheus/rules.yml", "grafana/anomaliz.json")
    text = "".join((ROOT / "deploy" / name).read_text() for name in files)
    return set(re.findall(r"anomaly_detector_\w+", text))


def shown(metrics: str) -> set[str]:
    """Return the names of /metrics, of summaries those of their parts."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)", metrics, re.MULTILINE))
    parts = {
        f"{name}_{part}" for name, kind in kinds.items() if kind == "summary" for part in ("sum", "count")
    }
    return set(kinds) | parts


def test_scores_come_back_to_prometheus(example: Example) -> None:
    log = example.folder / "run.log"
    (query,) = (part.removeprefix("query=") for part in example.command("curl") if part.startswith("query="))
    with background(example.anomaliz("run"), example, log) as process:

        def alive() -> bool:
            assert process.poll() is None, log.read_text()[-2000:]
            return True

        (score,) = example.wait_for(query, alive)
        assert 0 <= float(score["value"][1]) <= 40
        shares = example.wait_for("contribution", alive)
        assert {one["metric"]["feature"] for one in shares} == {"cpu", "memory", "load"}
        example.wait_for('anomaly_detector_runs_total{pipeline="node",kind="score",status="ok"} > 0', alive)
        assert example.asked('up{job="anomaliz"} == 1')
        # The service shows the scores, too: of what it writes and what is scraped of it, one is kept.
        assert [one["metric"] for one in example.asked("anomaly_score")] == [
            {"__name__": "anomaly_score", "instance": example.node, "pipeline": "node"}
        ]
        # Without this header it shows people what the bundle in service is worth.
        asked_as_scraper = {"Accept": "text/plain"}
        metrics = httpx.get(f"http://{example.service}/metrics", headers=asked_as_scraper)
        assert used() <= shown(metrics.text)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()[-2000:]


def test_the_rules_that_it_loads_are_those_that_are_shipped(example: Example) -> None:
    groups = httpx.get(f"http://{example.prometheus}/api/v1/rules").json()["data"]["groups"]
    loaded = {rule["name"] for group in groups for rule in group["rules"]}
    assert loaded == set(re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/rules.yml").read_text()))
