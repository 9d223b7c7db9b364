from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from starlette.testclient import TestClient

from anomaliz.bundle.bundle import Bundle

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/json", "text/html,application/xml;q=0.9,*/*;q=0.8", "application/json, text/plain"],
)
def test_people_get_the_training_metrics(client: TestClient, bundle: Bundle, accept: str) -> None:
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"] == "application/json"
    assert response.json()["metrics"].keys() == bundle.metrics.keys()
    assert response.json()["bundle"]["name"] == bundle.name


def test_so_does_a_client_without_an_accept_header(client: TestClient) -> None:
    del client.headers["accept"]
    assert client.get("/metrics").headers["content-type"] == "application/json"


def test_a_prometheus_gets_what_it_can_parse(client: TestClient, window: dict[str, Any]) -> None:
    client.post("/analyze", json=window)
    response = client.get("/metrics", headers={"Accept": PROMETHEUS})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in parse_openmetrics(response.text)}
    assert names >= {"anomaliz_requests", "anomaliz_request_seconds", "anomaliz_score", "anomaliz_bundle"}
    assert names >= {"process_resident_memory_bytes", "process_cpu_seconds"}


def test_counts_are_what_was_asked(
    client: TestClient, bundle: Bundle, window: dict[str, Any], strange_window: dict[str, Any]
) -> None:
    for body in (window, strange_window, {}):
        client.post("/analyze", json=body)
    client.get("/some/path?a=b")
    samples = _samples(client)
    route = {"route": "/analyze", "method": "POST"}
    assert samples["anomaliz_requests_total", _labels(**route, status="200")] == 2
    assert samples["anomaliz_requests_total", _labels(**route, status="422")] == 1
    assert samples["anomaliz_requests_total", _labels(route="other", method="GET", status="404")] == 1
    assert samples["anomaliz_request_seconds_count", _labels(route="/analyze")] == 3
    assert samples["anomaliz_points_scored_total", _labels()] == 2
    assert samples["anomaliz_anomalies_total", _labels()] == 1
    assert samples["anomaliz_score_count", _labels()] == 2
    assert samples["anomaliz_bundle_reloads_total", _labels(result="loaded")] == 1
    named = _labels(name=bundle.name, version=bundle.version, sha256=bundle.sha256)
    assert samples["anomaliz_bundle_info", named] == 1


def test_a_wrong_method_is_counted_under_its_route(client: TestClient) -> None:
    client.get("/analyze")
    key = _labels(route="/analyze", method="GET", status="405")
    assert _samples(client)["anomaliz_requests_total", key] == 1


def test_a_prometheus_is_answered_without_a_bundle(start_client: Any, tmp_path: Any) -> None:
    client = start_client(tmp_path / "nothing")
    assert client.get("/metrics").status_code == 503
    assert _samples(client)["anomaliz_bundle_reloads_total", _labels(result="refused")] == 1


def _labels(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def _samples(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics", headers={"Accept": "text/plain"})
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(response.text)
        for sample in family.samples
    }
