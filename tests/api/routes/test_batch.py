import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from anomaliz.api.schemas import BatchAnswer

Window = dict[str, Any]


def test_answers_come_in_order_and_one_bad_window_fails_alone(
    client: TestClient, window: Window, strange_window: Window
) -> None:
    late = window | {"timestamps": [300 * i for i in range(9)] + [300 * 5000]}
    windows = [window, {"cpu": [1]}, strange_window, "text", late, window]
    answer = client.post("/analyze/batch", json={"windows": windows}).json()
    BatchAnswer.model_validate(answer)
    normal, missing, strange, text, gap, last = answer["results"]
    assert (normal["anomaly"], strange["anomaly"], last) == (False, True, normal)
    assert (missing["error"]["field"], missing["error"]["status"]) == ("memory", 422)
    assert "JSON object" in text["error"]["detail"]
    assert gap["score"] is None


def test_a_batch_answers_as_single_requests_do(
    client: TestClient, window: Window, strange_window: Window
) -> None:
    stamped = window | {"timestamps": [300 * i for i in range(10)]}
    bodies = [strange_window, window, stamped]
    results = client.post("/analyze/batch", json={"windows": bodies}).json()["results"]
    for body, result in zip(bodies, results, strict=True):
        alone = client.post("/analyze", json=body).json()
        assert result["score"] == pytest.approx(alone["score"], abs=1e-5)
        assert {**result, "score": 0, "detectors": 0, "contributions": 0} == {
            **alone,
            "score": 0,
            "detectors": 0,
            "contributions": 0,
        }


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"windows": []}, "windows is empty"),
        ({"windows": [{}] * 6}, "windows has 6 windows: send at most 5 at a time"),
        ({"windows": {}}, "windows must be an array, got an object"),
        ({"windows": None}, "windows must be an array, got null"),
        ({}, "nothing else"),
        ({"windows": [], "more": 1}, "nothing else"),
        ([], "nothing else"),
        (None, "nothing else"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(
    start_client: Callable[..., TestClient], bundle_dir: Any, body: Any, detail: str
) -> None:
    response = start_client(bundle_dir, api__max_batch=5).post("/analyze/batch", content=json.dumps(body))
    assert response.status_code == 422
    assert response.json()["field"] == "windows"
    assert detail in response.json()["detail"]


def test_a_batch_of_bad_windows_alone_is_answered(client: TestClient) -> None:
    results = client.post("/analyze/batch", json={"windows": [None, []]}).json()["results"]
    assert [result["error"]["status"] for result in results] == [422, 422]
