"""Pipelines over HTTP, with a real daemon beside the service."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from anomaliz.api.main import create_app
from anomaliz.config.loading import load_settings
from anomaliz.pipelines.daemon.daemon import Daemon

FUNCTION = """
import numpy as np
import pandas as pd


def ingest(start, end):
    times = pd.date_range(start, end, freq="1s", inclusive="left")
    seconds = (times - pd.Timestamp("2020-01-01", tz="UTC")).total_seconds().to_numpy()
    values = np.sin(seconds / 60) + 0.1 * np.sin(seconds * 12.9898)
    return pd.DataFrame({"timestamp": times, "value": values})
"""
STEADY = {
    "name": "steady",
    "query": "steady.py",
    "schedule": "0 0 1 1 *",
    "step": "1s",
    "train": {"window": "10m"},
}
MADE = {**STEADY, "name": "made"}

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]

Start = Callable[[], TestClient]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "steady.py").write_text(FUNCTION)
    content = {
        "sources": {
            "functions": {"type": "python", "folder": str(folder)},
            "house": {"type": "sql", "url": f"duckdb:///{folder}/house.duckdb"},
        },
        "sinks": {"lines": {"type": "json_lines", "path": str(folder / "scores.jsonl")}},
        "pipelines": [STEADY],
    }
    (folder / "pipelines.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(scope="module")
def start(folder: Path) -> Iterator[Start]:
    """Start a daemon and a service, in the place of the one before."""
    stops: list[Callable[[], object]] = []

    def stop() -> None:
        while stops:
            stops.pop()()

    def start() -> TestClient:
        stop()
        overrides = {
            "pipelines.store": f"sqlite:///{folder}/store.db",
            "pipelines.folder": str(folder / "kept"),
            "pipelines.workers": 2,
            "artifact_dir": str(folder / "bundle"),
        }
        chosen = load_settings(overrides=overrides, environ={}, env_file=None)
        daemon = Daemon([folder / "pipelines.yaml"], chosen, environ={})
        daemon.start()
        client = TestClient(create_app(chosen, daemon), raise_server_exceptions=False)
        client.__enter__()
        stops.extend([daemon.stop, lambda: client.__exit__(None, None, None)])
        return client

    yield start
    stop()


@pytest.fixture(scope="module")
def client(start: Start) -> TestClient:
    client = start()
    ended(client, "steady")
    return client


def ended(client: TestClient, name: str) -> dict[str, Any]:
    """Wait until a pipeline has scored, and return its report."""
    for _ in range(1200):
        report: dict[str, Any] | None = client.get(f"/pipelines/{name}").json()["report"]
        if report and report["kind"] == "score":
            return report
        time.sleep(0.05)
    raise AssertionError(f"{name} has not scored")


def finished(client: TestClient, url: str) -> dict[str, Any]:
    """Poll a job until it has ended."""
    for _ in range(1200):
        job: dict[str, Any] = client.get(url).json()
        if job["status"] in ("done", "failed"):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{url} has not ended")


@pytest.fixture
def made(client: TestClient) -> Iterator[str]:
    """A pipeline that was made over HTTP."""
    answer = client.post("/pipelines", json=MADE)
    assert answer.status_code == 201, answer.text
    ended(client, "made")
    yield "made"
    while client.delete("/pipelines/made").status_code == 409:
        time.sleep(0.05)


def test_a_service_with_pipelines_is_ready_without_a_bundle(client: TestClient) -> None:
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert (ready.json()["bundle"], ready.json()["pipelines"]) == (None, 1)


def test_a_pipeline_is_told_of(client: TestClient) -> None:
    (brief,) = client.get("/pipelines").json()["pipelines"]
    assert brief["name"] == "steady"
    assert "pipelines.yaml line" in brief["place"]
    assert brief["next_score"].endswith("-01-01T00:00:00+00:00")
    full = client.get("/pipelines/steady").json()
    assert full["definition"]["query"] == "steady.py"
    assert full["totals"]["points"] >= 1
    assert "1 series" in full["models"][0]["facts"]


def test_a_prometheus_reads_runs_and_newest_points(client: TestClient) -> None:
    text = client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert re.search(r'^anomaly_score\{.*pipeline="steady".*\} \d', text, re.MULTILINE)
    assert re.search(
        r'^anomaly_detector_runs_total\{kind="train",pipeline="steady",status="ok"\} 1', text, re.M
    )
    assert 'anomaly_detector_definition_reloads_total{result="refused"} 0.0' in text


def test_a_name_that_is_not_known_is_404(client: TestClient) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/score"), ("GET", "/jobs")):
        answer = client.request(method, f"/pipelines/stedy{path}")
        assert answer.status_code == 404, answer.text
        assert "did you mean 'steady'" in answer.json()["detail"]


def test_jobs_are_accepted_and_followed(client: TestClient) -> None:
    time.sleep(1)  # the step
    accepted = client.post("/pipelines/steady/score")
    assert accepted.status_code == 202
    assert accepted.headers["location"] == accepted.json()["url"]
    job = finished(client, accepted.json()["url"])
    assert job["status"] == "done"
    assert "points of 1 series" in job["message"]
    listed = client.get("/pipelines/steady/jobs").json()["jobs"]
    assert listed[0]["id"] == accepted.json()["job"]
    assert client.get("/jobs/nothing").status_code == 404


def test_history_is_scored_on_demand(client: TestClient, folder: Path) -> None:
    body = {"from": "2026-01-05T08:00:00Z", "to": "2026-01-05T09:01:00+01:00"}
    job = finished(client, client.post("/pipelines/steady/backfill", json=body).json()["url"])
    assert (job["status"], job["progress"]) == ("done", 1.0), job
    assert "60 points" in job["message"]
    assert '"2026-01-05T08:00:59.000Z"' in (folder / "scores.jsonl").read_text()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"from": "2026-01-05", "to": 5}, "to"),
        ({"from": "yesterday", "to": "2026-01-05"}, "from"),
        ({"from": "2026-01-06", "to": "2026-01-05"}, None),
    ],
)
def test_a_backfill_needs_stamps(client: TestClient, body: object, field: str | None) -> None:
    answer = client.post("/pipelines/steady/backfill", json=body)
    assert answer.status_code == 422
    assert answer.json().get("field") == field


def test_a_pipeline_is_replaced_and_removed(client: TestClient, made: str) -> None:
    answer = client.put(f"/pipelines/{made}", json={**MADE, "direction": "above"})
    assert answer.status_code == 200, answer.text
    assert client.get(f"/pipelines/{made}").json()["definition"]["direction"] == "above"
    put_back = client.put("/pipelines/made", json=answer.json()["definition"])
    assert put_back.status_code == 200
    assert client.put("/pipelines/made", json=STEADY).status_code == 422


def test_a_pipeline_of_a_file_is_changed_there_alone(client: TestClient) -> None:
    answers = [
        client.post("/pipelines", json=STEADY),
        client.put("/pipelines/steady", json=STEADY),
        client.delete("/pipelines/steady"),
    ]
    for answer in answers:
        assert answer.status_code == 409
        assert "pipelines.yaml line" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shedule": "* * * * *"}, "did you mean schedule"),
        ({"schedule": "* * *"}, "5 fields"),
        ({"source": "elsewhere"}, "there is no 'elsewhere'"),
        ({"sinks": ["elsewhere"]}, "there is no 'elsewhere'"),
        ({"detectors": None, "bundle": "/etc"}, "a file of the daemon names"),
        ({"name": "a/b"}, "letters, digits"),
    ],
)
def test_a_definition_is_checked_as_in_a_file(client: TestClient, change: dict[str, Any], says: str) -> None:
    answer = client.post("/pipelines", json={**MADE, **change})
    assert answer.status_code == 422
    assert says in answer.json()["detail"], answer.json()["detail"]
    assert len(client.get("/pipelines").json()["pipelines"]) == 1


def test_sql_that_can_read_files_is_not_taken_from_a_request(client: TestClient) -> None:
    asked = {**MADE, "name": "spy", "source": "house", "query": "SELECT * FROM read_text('/etc/passwd')"}
    for answer in (
        client.post("/pipelines", json=asked),
        client.post("/execute/train", json={"pipeline": asked}),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("source house is a database whose SQL reads any file")


def test_a_reference_to_a_secret_means_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "sesame")
    answer = client.post("/pipelines", json={**MADE, "query": "${HIDDEN}"})
    try:
        assert answer.json()["definition"]["query"] == "${HIDDEN}"
    finally:
        while client.delete("/pipelines/made").status_code == 409:
            time.sleep(0.05)


def test_training_and_scoring_without_a_trace(client: TestClient, folder: Path) -> None:
    before = (folder / "scores.jsonl").read_text(), client.get("/pipelines").json()
    trained = client.post("/execute/train", json={"pipeline": MADE})
    assert trained.status_code == 200, trained.text
    assert base64.b64decode(trained.json()["model"])
    body = {
        "pipeline": MADE,
        "model": trained.json()["model"],
        "from": "2026-01-05T08:00:00Z",
        "to": "2026-01-05T08:00:10Z",
    }
    scored = client.post("/execute/inference", json=body)
    assert scored.status_code == 200, scored.text
    assert scored.json()["points"] == 10
    by_name = {one["labels"]["__name__"]: one for one in scored.json()["series"]}
    assert by_name["anomaly_score"]["times"][0] == "2026-01-05T08:00:00.000Z"
    assert len(by_name["anomaly_score"]["values"]) == 10
    assert client.post("/execute/inference", json=body).json() == scored.json()
    assert ((folder / "scores.jsonl").read_text(), client.get("/pipelines").json()) == before


def test_the_newest_point_is_scored_by_a_model_fitted_for_it(client: TestClient) -> None:
    answer = client.post("/execute/inference", json={"pipeline": MADE})
    assert answer.status_code == 200, answer.text
    assert answer.json()["points"] == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"source": {"type": "python", "folder": "/tmp"}}, "must be of type prometheus or redis_timeseries"),
        ({"source": {"type": "sql", "url": "sqlite:////etc/x"}}, "must be of type"),
        ({"source": {"type": "files", "url": "/etc"}}, "must be of type"),
        ({"source": {"type": "prometheus", "bearer_token_file": "/etc/passwd"}}, "reads no files"),
        (
            {"source": {"type": "prometheus", "basic_auth": {"password_file": "/etc/passwd"}}},
            "reads no files",
        ),
        ({"source": {"type": "prometheus", "tls": {}}}, "reads no files"),
        ({"source": {"type": "prometheus", "url": "ftp://x"}}, "source.url"),
        ({"model": "no base64!"}, "base64"),
        ({"model": base64.b64encode(b"no model").decode()}, "the model cannot be read"),
        ({"from": "1970-01-01"}, "rows"),
        ({"form": "1970-01-01"}, "'form' is no key"),
        ({"pipeline": "steady"}, "mapping"),
    ],
)
def test_a_body_that_cannot_be_executed_is_refused(
    client: TestClient, change: dict[str, Any], says: str
) -> None:
    answer = client.post("/execute/inference", json={"pipeline": MADE, **change})
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"], answer.json()["detail"]


def test_a_source_that_is_down_is_not_the_callers_fault(client: TestClient, free_port: int) -> None:
    source = {"type": "prometheus", "url": f"http://127.0.0.1:{free_port}", "deadline": 1}
    answer = client.post("/execute/train", json={"pipeline": {**MADE, "query": "up"}, "source": source})
    assert answer.status_code == 502
    assert str(free_port) in answer.json()["detail"]


def test_a_service_without_a_daemon_says_how_to_start_one(start_client: Any, tmp_path: Path) -> None:
    plain = start_client(tmp_path / "nothing")
    for method, path in (
        ("GET", "/pipelines"),
        ("POST", "/pipelines"),
        ("GET", "/jobs/x"),
        ("POST", "/execute/train"),
    ):
        answer = plain.request(method, path, json={})
        assert answer.status_code == 409
        assert "anomaliz run" in answer.json()["detail"]


def test_the_examples_work_when_pressed(client: TestClient) -> None:
    """In this order, so that there is something to replace and to remove."""
    paths = client.get("/openapi.json").json()["paths"]
    pressed = []
    for method, path in (
        ("post", "/pipelines"),
        ("put", "/pipelines/{name}"),
        ("get", "/pipelines/{name}"),
        ("post", "/pipelines/{name}/backfill"),
        ("get", "/pipelines/{name}/jobs"),
        ("post", "/execute/train"),
        ("post", "/execute/inference"),
        ("delete", "/pipelines/{name}"),
    ):
        operation = paths[path][method]
        names = {one["name"]: one["example"] for one in operation.get("parameters", [])}
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        answer = client.request(method, path.format(**names), json=content and content["example"])
        while answer.status_code == 409:  # its first training is under way
            time.sleep(0.05)
            answer = client.request(method, path.format(**names))
        pressed.append(answer.status_code)
    assert pressed == [201, 200, 200, 202, 200, 200, 200, 204]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/pipelines"),
        ("POST", "/pipelines"),
        ("GET", "/pipelines/{name}"),
        ("PUT", "/pipelines/{name}"),
        ("POST", "/pipelines/{name}/backfill"),
        ("GET", "/jobs/{id}"),
        ("POST", "/execute/train"),
        ("POST", "/execute/inference"),
    ],
)
def test_generated_requests_get_documented_answers(client: TestClient, method: str, path: str) -> None:
    operation = schemathesis.openapi.from_asgi("/openapi.json", client.app)[path][method]

    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()


# The last one: it starts another service in the place of the one that all others share.
def test_a_pipeline_that_was_made_survives_a_restart(client: TestClient, start: Start) -> None:
    assert client.post("/pipelines", json=MADE).status_code == 201
    ended(client, "made")
    full = start().get("/pipelines/made").json()
    assert full["place"] is None
    assert full["definition"] == {**MADE, "step": 1.0, "train": {"window": 600.0}, "detectors": "series"}
    assert full["models"]
    assert full["totals"]["points"] == 1
