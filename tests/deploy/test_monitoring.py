"""The shipped rules and dashboard, asked of a real Prometheus that holds what pipelines write."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from real_servers import program

from anomaliz.core.types import Floats
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.writing import Writer
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Samples

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "anomaliz.json").read_text())
ALERTS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
}
MINUTES = 90
PREFIX = "anomaly_detector_"
QUIET, TROUBLED = np.datetime64("2026-02-02T00:00", "ns"), np.datetime64("2026-02-03T00:00", "ns")
"""Two days: on one all is well, on the other nothing is."""


def panels() -> Iterator[dict[str, Any]]:
    yield from DASHBOARD["panels"]


EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in panels()
    for target in panel.get("targets", ())
]


def minutes(start: np.datetime64) -> Any:
    return start + np.arange(MINUTES) * np.timedelta64(1, "m")


def written(start: np.datetime64, *, trouble: bool) -> Iterator[Samples]:
    """Yield what a pipeline of two queries writes about six machines, five of them anomalous in `trouble`."""
    pipeline = Pipeline.model_validate(
        {"name": "node", "queries": {"cpu": "a", "memory": "b"}, "schedule": "* * * * *"}
    )
    writer, times = Writer(pipeline), minutes(start)
    labels = [{"instance": f"host-{i}:9100"} for i in range(6)]
    anomaly = np.broadcast_to(np.arange(6) < 5 if trouble else np.zeros(6), (MINUTES, 6)).astype(np.float64)
    all_of_them = np.ones((MINUTES, 6), dtype=np.bool_)
    yield from writer.by_point("anomaly_score", times, labels, anomaly + 0.5, all_of_them)
    yield from writer.by_point("anomaly", times, labels, anomaly, all_of_them)
    for name in ("expected", "expected_lower", "expected_upper", "contribution"):
        by_feature = np.full((MINUTES, 6, 2), 0.5)
        yield from writer.by_feature(name, times, labels, by_feature, all_of_them)
    for time in times:
        yield writer.no_data(time, missing=trouble)


def scraped(start: np.datetime64, *, trouble: bool) -> Iterator[Samples]:
    """Yield what Prometheus has of the service's /metrics, and of node_exporter's."""
    times = minutes(start)
    flat, growing = np.ones(MINUTES), np.arange(MINUTES, dtype=np.float64)
    stamps = (times - np.datetime64(0, "ns")) / np.timedelta64(1, "s")

    def one(name: str, values: Floats, **labels: str) -> Samples:
        return Samples(
            {"__name__": name, "job": "anomaliz"} | labels, times, np.asarray(values, dtype=np.float64)
        )

    node = {"pipeline": "node"}
    yield one("up", flat * (not trouble), instance="localhost:8000")
    yield one(f"{PREFIX}latest_reconstruction_error_mse", flat, **node, exported_instance="host-1:9100")
    yield one(f"{PREFIX}total_anomalies_count_total", growing * trouble, **node)
    yield one(f"{PREFIX}last_successful_run_timestamp_seconds", stamps - 7200 * trouble, **node)
    yield one(f"{PREFIX}data_age_seconds", flat * (3600 if trouble else 60), **node)
    yield one(f"{PREFIX}no_data", flat * trouble, **node)
    for status, grows in (("ok", not trouble), ("failed", trouble)):
        yield one(f"{PREFIX}runs_total", growing * grows, **node, kind="score", status=status)
    for part in ("sum", "count"):
        yield one(f"{PREFIX}job_seconds_{part}", growing, **node, kind="score")
    yield one(f"{PREFIX}runs_skipped_total", growing * trouble, **node, kind="score")
    yield one(f"{PREFIX}definition_reloads_total", growing * trouble, result="refused")
    yield one(f"{PREFIX}sink_pending_samples", growing * trouble, sink="remote_write")
    yield one(f"{PREFIX}sink_dropped_samples_total", growing * trouble, sink="remote_write")
    yield one("node_cpu_seconds_total", growing, mode="idle", cpu="0", instance="host-1:9100")


@pytest.fixture(scope="session")
def monitored(prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of the Prometheus, once it holds both days."""
    settings = RemoteWriteSettings.model_validate({"url": prometheus})
    with closing(RemoteWriteSink(settings, tmp_path_factory.mktemp("monitored"))) as sink:
        for start, trouble in ((QUIET, False), (TROUBLED, True)):
            sink.write([*written(start, trouble=trouble), *scraped(start, trouble=trouble)])
        sink.flush()
        assert sink.dropped == 0
    return prometheus


def asked(url: str, expression: str, day: np.datetime64) -> list[dict[str, Any]]:
    """Return what `expression` gives at the end of the data of a day."""
    end = (day + (MINUTES - 1) * np.timedelta64(1, "m") - np.datetime64(0, "ns")) / np.timedelta64(1, "s")
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression, "time": float(end)}).json()
    assert answer["status"] == "success", (expression, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def substituted(expression: str) -> str:
    """Return `expression` as Grafana sends it when everything is chosen."""
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    values = {
        "$__rate_interval": "4m",
        "$__range": "1h",
        "$pipeline": variables["pipeline"]["allValue"],
        "$series": variables["series"]["query"],
        "$value": variables["value"]["query"],
    }
    for name, value in values.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def test_promtool_takes_the_rules() -> None:
    promtool = program("promtool", "prometheus")
    subprocess.run([promtool, "check", "rules", str(RULES)], check=True, capture_output=True)


def test_the_rules_fire_when_they_are_meant_to() -> None:
    promtool = program("promtool", "prometheus")
    command = [promtool, "test", "rules", str(RULES.with_name("rules_test.yml"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_unit_test() -> None:
    tests = yaml.safe_load(RULES.with_name("rules_test.yml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == set(ALERTS)


def test_the_documentation_has_every_alert_and_only_keys_that_there_are() -> None:
    text = (ROOT / "docs" / "alerting.md").read_text()
    by_title = {part.splitlines()[0]: part for part in text.split("\n## ")}
    assert re.findall(r"^\| `(\w+)` \|", by_title["The rules"], re.MULTILINE) == list(ALERTS)
    table = re.findall(r"^\|[^|]+\| (.+) \|$", by_title["From the written series"], re.MULTILINE)[2:]
    keys = {key for cell in table for key in re.findall(r"`(\w+)[`:]", cell)}
    assert len(keys) > 6
    assert keys <= set(Pipeline.model_fields)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_finds_trouble_and_is_silent_without(alert: str, monitored: str) -> None:
    assert asked(monitored, ALERTS[alert], TROUBLED)
    assert not asked(monitored, ALERTS[alert], QUIET)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_query_of_the_dashboard_has_data(expression: str, monitored: str) -> None:
    found = asked(monitored, substituted(expression), TROUBLED)
    assert found
    assert all(float(one["value"][1]) == float(one["value"][1]) for one in found), "NaN"


def test_the_dashboards_pipelines_are_those_that_write(monitored: str) -> None:
    (variable,) = (one for one in DASHBOARD["templating"]["list"] if one["name"] == "pipeline")
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
    assert variable["query"]["query"] == variable["definition"]
    assert "node" in {one["metric"][label] for one in asked(monitored, metric, TROUBLED)}


def test_the_dashboard_is_one_that_grafana_can_load() -> None:
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= set(DASHBOARD)
    # What an import would have to ask for, or bring along from where it was exported.
    assert not {"id", "__inputs", "__requires"} & set(DASHBOARD)
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel.get("targets", ()))


def test_panels_lie_beside_each_other() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        return {(column, place["y"] + row) for column in columns for row in range(place["h"])}

    assert all(max(column for column, _ in cells(panel)) < 24 for panel in panels())
    for one, other in combinations(panels(), 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
