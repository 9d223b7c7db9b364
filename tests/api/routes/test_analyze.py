import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from anomaliz.api.offline import analyze_window
from anomaliz.api.schemas import AnalyzeAnswer, Problem
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.score import score_of
from anomaliz.data.behaviour import realistic_behaviour

Window = dict[str, Any]
JSON = {"Content-Type": "application/json"}


def test_a_normal_window_is_normal_and_a_strange_one_is_not(
    client: TestClient, window: Window, strange_window: Window
) -> None:
    normal, strange = (client.post("/analyze", json=body).json() for body in (window, strange_window))
    assert normal["anomaly"] is False
    assert strange["anomaly"] is True
    assert strange["score"] >= strange["threshold"] > normal["score"]


def test_the_answer_is_the_bundles_verdict(
    client: TestClient, bundle: Bundle, strange_window: Window
) -> None:
    answer = client.post("/analyze", json=strange_window).json()
    values = bundle.canary.copy()
    values[-1] = [strange_window[feature][-1] for feature in bundle.features]
    verdicts = bundle.score(values, newest=1)
    assert answer["score"] == verdicts.score[0]
    assert answer["threshold"] == verdicts.threshold
    assert answer["model_used"] == verdicts.leading_detector(0)
    assert answer["status"] == "ok"
    assert answer["profile"] == "window"
    assert {name: reading["surprise"] for name, reading in answer["detectors"].items()} == dict(
        zip(verdicts.detectors, verdicts.detector_surprise[0].tolist(), strict=True)
    )
    assert answer["detectors"]["lstm_forecaster"]["score"] == score_of(
        verdicts.detector_surprise[0, verdicts.detectors.index("lstm_forecaster")]
    )
    assert answer["contributions"]["cpu"]["observed"] == 0.99
    assert answer["contributions"]["cpu"]["expected"] == verdicts.expected[0, 0]
    assert sum(part["contribution"] for part in answer["contributions"].values()) == pytest.approx(1)
    assert answer["bundle"] == {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}


def test_the_answer_has_the_documented_shape(client: TestClient, window: Window) -> None:
    answer = client.post("/analyze", json=window).json()
    AnalyzeAnswer.model_validate(answer)
    assert [answer[key] for key in ("analysis", "severity", "recommendation")] == [None] * 3


def test_the_newest_point_of_a_longer_array_is_scored(
    client: TestClient, window: Window, strange_window: Window
) -> None:
    longer = {name: [0.0, *window[name], *strange_window[name]] for name in window}
    answer, alone = (client.post("/analyze", json=body).json() for body in (longer, strange_window))
    assert answer == alone


def test_integers_are_numbers_and_the_order_of_features_does_not_matter(
    client: TestClient, window: Window
) -> None:
    ones = {name: [1] * 10 for name in window}
    shuffled = {name: [1.0] * 10 for name in reversed(window)}
    first, second = (client.post("/analyze", json=body) for body in (ones, shuffled))
    assert first.status_code == 200
    assert first.json() == second.json()


def test_extreme_numbers_have_a_finite_answer(client: TestClient, window: Window) -> None:
    for extreme in (1e308, -1e308, 5e-324):
        answer = client.post("/analyze", json=window | {"cpu": [extreme] * 10}).json()
        assert 0 <= answer["score"] <= 1
        assert all(math.isfinite(part["contribution"]) for part in answer["contributions"].values())


def test_concurrent_requests_get_the_answer_they_get_alone(
    client: TestClient, window: Window, strange_window: Window
) -> None:
    bodies = [window if i % 3 else strange_window for i in range(60)]
    alone = {id(body): client.post("/analyze", json=body).json() for body in (window, strange_window)}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda body: client.post("/analyze", json=body).json(), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        assert answer["anomaly"] == alone[id(body)]["anomaly"]
        assert answer["score"] == pytest.approx(alone[id(body)]["score"], abs=1e-5)
        assert answer["contributions"]["cpu"]["observed"] == body["cpu"][-1]


def test_the_newest_stamp_comes_back(
    client: TestClient, window: Window, stamps_every_step: Callable[[int], list[str]]
) -> None:
    answer = client.post("/analyze", json=window | {"timestamps": stamps_every_step(10)}).json()
    assert answer["timestamp"] == "2024-01-01T00:45:00Z"
    assert answer["status"] == "ok"


def test_epoch_seconds_are_stamps(client: TestClient, window: Window) -> None:
    answer = client.post("/analyze", json=window | {"timestamps": [300 * i for i in range(10)]}).json()
    assert answer["timestamp"] == "1970-01-01T00:45:00Z"


def test_a_long_gap_before_the_newest_point_gives_no_score(
    client: TestClient, window: Window, stamps_every_step: Callable[[int], list[str]]
) -> None:
    late = [*stamps_every_step(9), "2024-02-01T00:00:00Z"]
    answer = client.post("/analyze", json=window | {"timestamps": late}).json()
    AnalyzeAnswer.model_validate(answer)
    assert answer["status"] in {"warming_up", "no_data"}
    assert [answer[key] for key in ("score", "anomaly", "model_used")] == [None] * 3
    assert answer["timestamp"] == "2024-02-01T00:00:00Z"
    assert answer["contributions"]["cpu"]["observed"] == window["cpu"][-1]


def test_a_short_gap_is_bridged_forward(client: TestClient, window: Window) -> None:
    seconds = [300 * i for i in range(9)] + [300 * 10]
    answer = client.post("/analyze", json=window | {"timestamps": seconds}).json()
    assert answer["status"] == "degraded"
    assert answer["score"] is not None


def test_stamps_of_another_step_are_refused(client: TestClient, window: Window) -> None:
    answer = client.post("/analyze", json=window | {"timestamps": list(range(10))})
    assert answer.status_code == 422
    assert "resample" in answer.json()["detail"]


def test_a_body_too_large_to_be_read_inline_is_answered_alike(client: TestClient, window: Window) -> None:
    raw = json.dumps(window) + " " * 65_536
    answer = client.post("/analyze", content=raw, headers=JSON).json()
    assert answer == client.post("/analyze", json=window).json()


def test_with_enough_history_the_series_profile_judges(client: TestClient, window: Window) -> None:
    longer = {name: column * 40 for name, column in window.items()}
    answer = client.post("/analyze", json=longer).json()
    AnalyzeAnswer.model_validate(answer)
    assert answer["profile"] == "series"
    assert answer["rank_score"] > 0
    assert answer["alert"] in (True, False)
    assert client.post("/analyze", json=window).json()["profile"] == "window"


def test_the_newest_point_is_that_of_detect_however_long_the_history(
    client: TestClient, bundle: Bundle, rng: np.random.Generator
) -> None:
    values = realistic_behaviour(6000, rng)
    values[:2000] += rng.normal(0, 0.2, (2000, 3))
    body = dict(zip(bundle.features, values.T.tolist(), strict=True))
    records = [dict(zip(bundle.features, row, strict=True)) for row in values.tolist()]
    answer = client.post("/analyze", json=body).json()
    last = client.post("/detect", json=records).json()["points"][-1]
    assert {name: answer[name] for name in ("score", "rank_score", "alert_score", "alert")} == {
        name: last[name] for name in ("score", "rank_score", "alert_score", "alert")
    }
    offline = analyze_window(bundle, json.dumps(body).encode())
    assert offline["score"] == answer["score"]


BAD_VALUES = [
    ("null", "cpu[2] is null: send a number"),
    ("NaN", "cpu[2] is NaN: send finite numbers"),
    ("Infinity", "cpu[2] is infinite or beyond what a 64-bit number holds: send finite numbers"),
    ("-Infinity", "cpu[2] is infinite or beyond what a 64-bit number holds: send finite numbers"),
    ("1e999", "cpu[2] is infinite or beyond what a 64-bit number holds: send finite numbers"),
    ("1" + "0" * 400, "cpu[2] is infinite or beyond what a 64-bit number holds: send finite numbers"),
    ('"0.3"', "cpu[2] is a string: send a number"),
    ("true", "cpu[2] is a boolean: send a number"),
    ("[1]", "cpu[2] is an array: send a number"),
    ("{}", "cpu[2] is an object: send a number"),
]


@pytest.mark.parametrize(("literal", "detail"), BAD_VALUES)
def test_a_value_that_is_no_finite_number_is_refused_by_position(
    client: TestClient, window: Window, literal: str, detail: str
) -> None:
    marked = json.dumps(window | {"cpu": [0.1, 0.2, "HERE", *[0.3] * 7]})
    response = client.post("/analyze", content=marked.replace('"HERE"', literal), headers=JSON)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(response.json())
    assert (problem.detail, problem.field, problem.status) == (detail, "cpu", 422)


BAD_BODIES: list[tuple[Callable[[Window], Any], str | None, str]] = [
    (lambda w: w | {"cpu": []}, "cpu", "cpu is empty: send at least 10 values"),
    (lambda w: {name: [] for name in w}, "cpu", "cpu is empty: send at least 10 values"),
    (lambda w: {name: column[:7] for name, column in w.items()}, "cpu", "7 rows are too few"),
    (lambda w: {name: column * 30 for name, column in w.items()}, "cpu", "300 rows are too many"),
    (lambda w: w | {"latency": w["latency"][1:]}, "latency", "latency has 9 values and memory has 10"),
    (lambda w: w | {"cpuu": w["cpu"]}, "cpuu", "'cpuu' is not a feature of the bundle: did you mean cpu?"),
    (lambda w: w | {"disk": w["cpu"]}, "disk", "'disk' is not a feature of the bundle: send cpu, memory"),
    (lambda w: w | {"x" * 9000: [1]}, "x" * 80 + "…", "is not a feature of the bundle"),
    (lambda w: {"cpu": w["cpu"], "memory": w["memory"]}, "latency", "latency is missing: send cpu, memory"),
    (lambda w: {"CPU": w["cpu"]}, "CPU", "'CPU' is not a feature of the bundle"),
    (lambda w: w | {"cpu": 0.3}, "cpu", "cpu must be an array of numbers, got a number"),
    (lambda w: w | {"cpu": None}, "cpu", "cpu must be an array of numbers, got null"),
    (lambda w: w | {"cpu": [[0.3]] * 10}, "cpu", "cpu[0] is an array: send a number"),
    (lambda _: {}, "cpu", "cpu is missing"),
    (lambda w: [w], None, "the body must be a JSON object with one array per feature"),
    (lambda _: None, None, "the body must be a JSON object"),
    (lambda _: "text", None, "the body must be a JSON object"),
    (
        lambda w: w | {"timestamps": "now"},
        "timestamps",
        "timestamps must be an array of stamps, got a string",
    ),
    (lambda w: w | {"timestamps": [1]}, "timestamps", "timestamps has 1 values for 10 rows"),
    (lambda w: w | {"timestamps": [5] * 10}, "timestamps", "timestamps must increase"),
    (lambda w: w | {"timestamps": [None] * 10}, "timestamps", "timestamps must be ISO-8601"),
    (lambda w: w | {"timestamps": [True] * 10}, "timestamps", "timestamps must be ISO-8601"),
    (lambda w: w | {"timestamps": [[]] * 10}, "timestamps", "timestamps must be ISO-8601"),
    (lambda w: w | {"timestamps": [10**300] * 10}, "timestamps", "timestamps must be ISO-8601"),
]


@pytest.mark.parametrize(("change", "field", "detail"), BAD_BODIES)
def test_a_body_that_is_no_series_is_refused_by_field(
    start_client: Callable[..., TestClient],
    bundle_dir: Any,
    window: Window,
    change: Callable[[Window], Any],
    field: str | None,
    detail: str,
) -> None:
    client = start_client(bundle_dir, api__max_rows=200)
    response = client.post("/analyze", content=json.dumps(change(window)), headers=JSON)
    assert response.status_code == 422
    assert response.json().get("field") == field
    assert detail in response.json()["detail"]


def test_without_a_bundle_the_answer_is_503_with_the_reason(
    start_client: Callable[..., TestClient], tmp_path: Any, window: Window
) -> None:
    response = start_client(tmp_path / "nothing").post("/analyze", json=window)
    assert response.status_code == 503
    assert "manifest.json is missing" in response.json()["detail"]
