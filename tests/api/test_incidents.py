from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from anomaliz.api.incidents import incident_of
from anomaliz.api.schemas import ExplainAnswer, Problem
from anomaliz.core.errors import DataError

VERDICT = {
    "anomaly": True,
    "score": 0.9,
    "threshold": 0.3,
    "contributions": {
        "cpu": {"contribution": 0.25, "observed": None, "expected": 1},
        "disk": {"contribution": 0.75, "observed": 5.0, "expected": 1.0, "expected_lower": 0.5},
    },
    "timestamp": "2024-01-01T03:00:00Z",
    "model_used": "lstm_forecaster",
    "another": "field",
}
EVENT = {
    "start": "2024-01-01T03:00:00Z",
    "score": 0.7,
    "points": 4,
    "contributions": {"cpu": 0.4, "disk": 0.6},
}
STEP = np.timedelta64(60, "s")


def test_a_verdict() -> None:
    incident = incident_of(VERDICT, STEP)
    assert (incident.score, incident.threshold, incident.severity) == (0.9, 0.3, "critical")
    assert [reading.feature for reading in incident.readings] == ["disk", "cpu"]
    disk, cpu = incident.readings
    assert (disk.observed, disk.lower, cpu.expected) == (5.0, 0.5, 1.0)
    assert np.isnan([disk.upper, cpu.observed]).all()
    assert incident.stamp == np.datetime64("2024-01-01T03:00")
    assert (incident.step, incident.detector) == (STEP, "lstm_forecaster")


def test_an_event() -> None:
    incident = incident_of(EVENT)
    assert (incident.score, incident.threshold, incident.points) == (0.7, None, 4)
    assert [reading.feature for reading in incident.readings] == ["disk", "cpu"]
    assert incident.anomaly
    assert incident_of(EVENT | {"start": 40}).stamp is None


def test_what_is_known_around_it() -> None:
    past = {"start": "2023-12-01", "feature": "disk", "feedback": "backup"}
    body = {"window": {"disk": [1, None, 2.5]}, "step_seconds": 0.5, "history": [past]}
    for kind, answer in (("verdict", VERDICT), ("event", EVENT)):
        incident = incident_of(body | {kind: answer}, STEP)
        np.testing.assert_array_equal(incident.readings[0].recent, [1, np.nan, 2.5])
        assert len(incident.readings[1].recent) == 0
        assert incident.step == np.timedelta64(500, "ms")
        assert incident.history[0].feedback == "backup"


BAD: list[tuple[Any, str | None, str]] = [
    ([VERDICT], None, "the body must be a JSON object"),
    ({}, None, "neither an answer of /analyze nor an event of /detect"),
    ({"events": [EVENT], "points": []}, "events", "send one of its events"),
    (VERDICT | {"score": 1.5}, "verdict.score", "less than or equal to 1"),
    (VERDICT | {"score": "high"}, "verdict.score", "valid number"),
    (VERDICT | {"score": float("nan")}, "verdict.score", "finite number"),
    (VERDICT | {"score": None}, "verdict.score", "is null though anomaly is true"),
    (VERDICT | {"contributions": {}}, "verdict.contributions", "at least 1 item"),
    (VERDICT | {"contributions": {"cpu": 1}}, "verdict.contributions.cpu", "send it as /analyze"),
    (VERDICT | {"timestamp": "soon"}, "verdict.timestamp", "ISO-8601"),
    (EVENT | {"start": "soon"}, "event.start", "ISO-8601"),
    (EVENT | {"points": 0}, "event.points", "greater than or equal to 1"),
    (EVENT | {"points": 10**400}, "event.points", "cannot be used"),
    (EVENT | {"contributions": {"cpu": 1e308}}, "event.contributions.cpu", "less than or equal to 1"),
    (EVENT | {"contributions": {f"m{i}": 0 for i in range(1001)}}, "event.contributions", "at most 1000"),
    ({"event": EVENT, "verdict": VERDICT}, "event", "send one of them"),
    ({"event": EVENT, "history": [{"start": "junk"}]}, "history.start", "ISO-8601"),
    ({"event": None}, "verdict", "send one of them"),
    ({"event": EVENT, "windows": {}}, "windows", "extra inputs"),
    ({"event": EVENT, "window": {"gpu": [1]}}, "window.gpu", "not among the contributions: send cpu, disk"),
    ({"event": EVENT, "window": {"cpu": ["1"]}}, "window.cpu.0", "valid number"),
    ({"event": EVENT, "step_seconds": 0}, "step_seconds", "greater than 0"),
    ({"event": EVENT, "history": [{"start": 5}]}, "history.0.start", "valid string"),
    ({"event": EVENT, "history": [{"start": "a", "x": 1}]}, "history.0.x", "extra inputs"),
    (
        EVENT | {"contributions": {"x" * 5000: "a"}},
        ("event.contributions." + "x" * 80)[:80],
        "cannot be used",
    ),
]


@pytest.mark.parametrize(("body", "field", "words"), BAD)
def test_a_body_that_describes_none_is_refused_by_field(body: Any, field: str | None, words: str) -> None:
    with pytest.raises(DataError) as caught:
        incident_of(body)
    assert words in str(caught.value)
    assert caught.value.field == field
    assert len(str(caught.value)) < 300


def test_the_service_refuses_with_a_problem(client: TestClient) -> None:
    response = client.post("/explain", json=EVENT | {"points": 0})
    assert response.status_code == 422
    assert Problem.model_validate(response.json()).field == "event.points"
    assert client.post("/explain", content=b"{").status_code == 400
    assert client.post("/explain", content=b"{}", headers={"Content-Type": "text/csv"}).status_code == 415


@pytest.mark.parametrize(("changes", "status"), [({}, "disabled"), ({"anomaly": False}, "not_needed")])
def test_without_a_backend_and_without_a_bundle_there_is_a_summary(
    start_client: Callable[..., TestClient], tmp_path: Any, changes: dict[str, Any], status: str
) -> None:
    client = start_client(tmp_path / "nothing")
    response = client.post("/explain", json=VERDICT | changes)
    answer = ExplainAnswer.model_validate(response.json())
    assert response.status_code == 200
    assert answer.explanation.status == status
    assert (answer.summary is None) is (status == "not_needed")


def test_without_a_backend_nothing_is_streamed_but_the_answer(client: TestClient) -> None:
    response = client.post("/explain", json=EVENT, headers={"Accept": "text/event-stream"})
    assert response.text.startswith("event: explanation\ndata: {")
