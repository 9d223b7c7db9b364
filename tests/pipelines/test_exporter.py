"""What a Prometheus reads of pipelines, parsed by promtool and by a real Prometheus."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from real_servers import PATIENCE, program, running_prometheus

from anomaliz.core.labels import Labels
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.exporter import PipelineExporter
from anomaliz.pipelines.outcome import Latest, Report
from anomaliz.store.state import Totals

PREFIX = "anomaly_detector_"
NOW = 1_767_571_200.0
A, B = {"pipeline": "cpu", "instance": "a"}, {"pipeline": "cpu", "instance": "b"}


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def exporter(registry: CollectorRegistry, clock: Clock) -> PipelineExporter:
    return PipelineExporter(PREFIX, registry, clock)


def latest(*labels: Labels, scores: list[float], features: tuple[str, ...] = ("value",)) -> Latest:
    """Newest points that are as many units off what was expected as their place and feature say."""
    shape = len(labels), len(features)
    expected = np.full(shape, 5.0)
    off = np.arange(1, len(labels) * len(features) + 1, dtype=np.float64).reshape(shape)
    return Latest(
        labels=labels,
        features=features,
        times=np.full(len(labels), np.datetime64("2026-01-05", "ns")),
        anomaly_score=np.array(scores),
        anomaly=np.array(scores) >= 1,
        expected=expected,
        expected_lower=expected - 1,
        expected_upper=expected + 1,
        observed=expected + off,
        contributions=np.full(shape, 1 / len(features)),
    )


def report(**changes: object) -> Report:
    ok = Report("cpu", "score", "ok", "well", ended=NOW, seconds=0.5, data_age=40.0, rows=12, events=1)
    return replace(ok, **changes)


def read(registry: CollectorRegistry) -> dict[str, dict[frozenset[str], float]]:
    """Return name -> label values -> value of what is shown."""
    found: dict[str, dict[frozenset[str], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.values())] = sample.value
    return found


def of(*values: str) -> frozenset[str]:
    return frozenset(values)


def test_the_newest_points_are_shown(exporter: PipelineExporter, registry: CollectorRegistry) -> None:
    exporter.update(report(latest=latest(A, B, scores=[0.25, 1.5])), Totals(events=7), "v3")
    found = read(registry)
    a, b, cpu = of("cpu", "a"), of("cpu", "b"), of("cpu")
    assert found["anomaly_score"] == {a: 0.25, b: 1.5}
    assert found["anomaly"] == found[f"{PREFIX}is_anomaly_detected"] == {a: 0, b: 1}
    assert found["expected"] == {a: 5, b: 5}
    assert (found["expected_lower"][a], found["expected_upper"][a]) == (4, 6)
    assert "contribution" not in found
    assert found[f"{PREFIX}latest_reconstruction_error_mse"] == {a: 1, b: 4}
    assert found[f"{PREFIX}feature_reconstruction_error_mse"] == {
        of("cpu", "a", "value"): 1,
        of("cpu", "b", "value"): 4,
    }
    assert found[f"{PREFIX}total_anomalies_count_total"] == {cpu: 7}
    assert found[f"{PREFIX}last_successful_run_timestamp_seconds"] == {cpu: NOW}
    assert found[f"{PREFIX}data_points_in_current_window"] == {cpu: 12}
    assert found[f"{PREFIX}no_data"] == {cpu: 0}
    assert found[f"{PREFIX}model_info"] == {of("cpu", "v3"): 1}


def test_several_features_are_told_apart(exporter: PipelineExporter, registry: CollectorRegistry) -> None:
    exporter.update(report(latest=latest(A, scores=[2.0], features=("cpu_load", "memory"))))
    found = read(registry)
    load, memory = of("cpu", "a", "cpu_load"), of("cpu", "a", "memory")
    assert found["expected"] == {load: 5, memory: 5}
    assert found["contribution"] == {load: 0.5, memory: 0.5}
    assert found[f"{PREFIX}feature_reconstruction_error_mse"] == {load: 1, memory: 4}
    assert found[f"{PREFIX}latest_reconstruction_error_mse"] == {of("cpu", "a"): 2.5}


def test_what_is_not_known_is_absent(exporter: PipelineExporter, registry: CollectorRegistry) -> None:
    newest = latest(A, B, scores=[np.nan, 0.5])
    newest.expected[1] = np.nan
    exporter.update(report(latest=newest))
    found = read(registry)
    assert found["anomaly_score"] == {of("cpu", "b"): 0.5}
    assert found["anomaly"] == {of("cpu", "b"): 0}
    assert {"expected", f"{PREFIX}latest_reconstruction_error_mse"}.isdisjoint(found)


@pytest.mark.parametrize("status", ["no_data", "failed"])
def test_without_data_there_are_no_scores(
    exporter: PipelineExporter, registry: CollectorRegistry, clock: Clock, status: str
) -> None:
    exporter.update(report(latest=latest(A, scores=[0.5])))
    clock.now += 60
    exporter.update(report(status=status, ended=clock.now, data_age=None, rows=0, events=0))
    found = read(registry)
    assert "anomaly_score" not in found
    assert found[f"{PREFIX}last_successful_run_timestamp_seconds"] == {of("cpu"): NOW}
    assert found[f"{PREFIX}no_data"] == {of("cpu"): float(status == "no_data")}
    assert found[f"{PREFIX}runs_total"] == {of("cpu", "score", "ok"): 1, of("cpu", "score", status): 1}


def test_the_age_of_data_grows_between_runs(
    exporter: PipelineExporter, registry: CollectorRegistry, clock: Clock
) -> None:
    exporter.update(report())
    assert read(registry)[f"{PREFIX}data_age_seconds"] == {of("cpu"): 40}
    clock.now += 100
    exporter.update(report(status="no_data", data_age=None, ended=clock.now))
    assert read(registry)[f"{PREFIX}data_age_seconds"] == {of("cpu"): 140}
    clock.now -= 1000
    assert read(registry)[f"{PREFIX}data_age_seconds"] == {of("cpu"): 0}


def test_other_jobs_leave_the_newest_points(exporter: PipelineExporter, registry: CollectorRegistry) -> None:
    exporter.update(report(latest=latest(A, scores=[0.5])))
    exporter.update(report(kind="train", status="failed", seconds=3.0, rows=1, data_age=None))
    exporter.update(report(kind="backfill", rows=9, data_age=9e6, latest=latest(B, scores=[9.0])))
    exporter.update(report(events=0, latest=None, seconds=1.5))
    found = read(registry)
    assert found["anomaly_score"] == {of("cpu", "a"): 0.5}
    assert found[f"{PREFIX}data_points_in_current_window"] == {of("cpu"): 12}
    assert found[f"{PREFIX}data_age_seconds"] == {of("cpu"): 40}
    assert found[f"{PREFIX}total_anomalies_count_total"] == {of("cpu"): 1}
    assert found[f"{PREFIX}job_seconds_sum"] == {
        of("cpu", "score"): 2.0,
        of("cpu", "train"): 3.0,
        of("cpu", "backfill"): 0.5,
    }


def test_a_restart_knows_what_was(exporter: PipelineExporter, registry: CollectorRegistry) -> None:
    exporter.restore("cpu", report(events=5), Totals(events=41), "v2")
    exporter.restore("memory", None, None, None)
    found = read(registry)
    assert found[f"{PREFIX}total_anomalies_count_total"] == {of("cpu"): 41, of("memory"): 0}
    assert found[f"{PREFIX}data_age_seconds"] == {of("cpu"): 40}
    assert found[f"{PREFIX}model_info"] == {of("cpu", "v2"): 1}
    assert f"{PREFIX}runs_total" not in found


def test_what_is_not_defined_any_more_is_forgotten(
    exporter: PipelineExporter, registry: CollectorRegistry
) -> None:
    pipelines = [Pipeline(name=name, query="up", schedule="* * * * *") for name in ("cpu", "memory")]
    exporter.define(pipelines)
    for name in ("cpu", "memory"):
        exporter.update(report(pipeline=name, latest=latest({"pipeline": name}, scores=[0.5])))
    assert len(read(registry)["anomaly_score"]) == 2
    exporter.forget("memory")
    assert set(read(registry)["anomaly_score"]) == {of("cpu")}
    exporter.define(pipelines[1:])
    assert generate_latest(registry) == b""


def test_written_series_have_the_names_of_the_definition(
    exporter: PipelineExporter, registry: CollectorRegistry
) -> None:
    score = {"names": "{pipeline}_{series}", "write": ["anomaly_score", "expected"]}
    exporter.define(
        [
            Pipeline.model_validate(
                {"name": "cpu.load", "query": "up", "schedule": "* * * * *", "score": score}
            ),
            Pipeline(name="cpu", query="up", schedule="* * * * *"),
        ]
    )
    exporter.update(report(pipeline="cpu.load", latest=latest({"pipeline": "cpu.load"}, scores=[0.5])))
    exporter.update(report(latest=latest(A, scores=[0.75])))
    found = read(registry)
    assert found["cpu_load_anomaly_score"] == {of("cpu.load"): 0.5}
    assert found["anomaly_score"] == {of("cpu", "a"): 0.75}
    assert "cpu_load_anomaly" not in found


AWKWARD = (
    {"pipeline": "cpu", "a-b": "1", "a.b": "2", "9": "x", "__address__": "y", "": "z", "ümlaut": "u"},
    {"pipeline": "cpu", "path": 'C:\\x "y"\nz', "unit": "µs 🙂"},
    {"pipeline": "cpu", "c-d": "1"},
    {"pipeline": "cpu", "c_d": "1"},
)


@pytest.fixture
def awkward(exporter: PipelineExporter, registry: CollectorRegistry) -> CollectorRegistry:
    newest = latest(*AWKWARD, scores=[0.1, 0.2, 0.3, 0.4], features=("a b", 'q"'))
    exporter.update(report(latest=newest), Totals(events=2), "v1")
    return registry


def test_promtool_finds_no_fault(awkward: CollectorRegistry) -> None:
    promtool = program("promtool", "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(awkward), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.fixture
def scraping(awkward: CollectorRegistry, tmp_path: Path) -> Iterator[str]:
    """URL of a Prometheus that scrapes the registry."""
    server, thread = start_http_server(0, "127.0.0.1", awkward)
    targets = f"static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]"
    job = f"job_name: anomaliz, honor_labels: true, {targets}"
    configured = f"scrape_configs: [{{scrape_interval: 1s, {job}}}]\n"
    with running_prometheus(tmp_path, configured=configured) as url:
        yield url
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_real_prometheus_scrapes_it(scraping: str) -> None:
    until = time.monotonic() + PATIENCE
    while not (found := query(scraping, "anomaly_score")) and time.monotonic() < until:
        time.sleep(0.1)
    scores = {float(value): labels for labels, value in found}
    # Of two series that only a name which is not allowed told apart, one is shown.
    assert set(scores) == {0.1, 0.2, 0.3}
    job = {"job": "anomaliz", "pipeline": "cpu", "__name__": "anomaly_score"}
    instance = {"instance": scores[0.1]["instance"]}
    assert scores[0.2] == job | instance | {"path": 'C:\\x "y"\nz', "unit": "µs 🙂"}
    assert scores[0.1] == job | instance | {
        "a_b": "1",
        "a_b_": "2",
        "_9": "x",
        "_address__": "y",
        "_": "z",
        "_mlaut": "u",
    }
    assert [value for _, value in query(scraping, f"{PREFIX}total_anomalies_count_total")] == ["2"]
    assert len(query(scraping, f"{PREFIX}feature_reconstruction_error_mse")) == 6


def query(url: str, text: str) -> list[tuple[dict[str, str], str]]:
    answer = (
        httpx.get(f"{url}/api/v1/query", params={"query": text}, trust_env=False).raise_for_status().json()
    )
    return [(one["metric"], one["value"][1]) for one in answer["data"]["result"]]
