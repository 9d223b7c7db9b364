import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from anomaliz.api.schemas import Problem


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/livez/", 404),
        ("GET", "/analyze", 405),
        ("DELETE", "/bundle", 405),
        ("POST", "/metrics", 405),
        ("GET", "/reload", 405),
        ("TRACE", "/health", 405),
    ],
)
def test_every_refusal_is_a_problem(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    problem = Problem.model_validate(response.json())
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem.status, problem.type) == (status, status, "about:blank")


def test_a_wrong_method_is_told_the_right_one(client: TestClient) -> None:
    assert client.get("/analyze").headers["allow"] == "POST"


def test_an_error_that_nobody_foresaw_is_500_without_its_inside(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Request) -> None:
        raise RuntimeError("secret")

    client.app.add_route("/broken", broken)  # type: ignore[attr-defined]
    response = client.get("/broken", headers={"X-Request-ID": "abc"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"
    assert "secret" not in response.text
    assert "RuntimeError: secret" in caplog.text
