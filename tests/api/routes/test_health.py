from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from anomaliz.bundle.bundle import Bundle


def test_a_service_with_a_bundle_is_alive_and_ready(client: TestClient, bundle: Bundle) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/livez").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["bundle"]["sha256"] == bundle.sha256


def test_a_service_without_one_is_alive_and_not_ready(
    start_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    client = start_client(tmp_path / "nothing")
    assert client.get("/livez").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert "anomaliz train" in response.json()["detail"]


def test_probes_answer_head(client: TestClient) -> None:
    for path in ("/health", "/livez", "/readyz"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
