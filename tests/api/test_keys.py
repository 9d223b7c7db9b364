from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

KEYS = ["first-key", "zweiter-schlüssel"]
LOCKED = ("/bundle", "/metrics", "/docs", "/openapi.json", "/docs/swagger-ui.css", "/nothing")


@pytest.fixture
def locked(start_client: Callable[..., TestClient], bundle_dir: Path) -> TestClient:
    return start_client(bundle_dir, api__api_keys=KEYS)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health"])
def test_probes_need_no_key(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize("path", LOCKED)
def test_everything_else_needs_one(locked: TestClient, path: str) -> None:
    response = locked.get(path)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    assert "x-request-id" in response.headers


@pytest.mark.parametrize("path", ["/analyze", "/analyze/batch", "/detect", "/reload"])
def test_so_does_every_post(locked: TestClient, path: str) -> None:
    assert locked.post(path, json={}).status_code == 401
    assert locked.post(path, json={}, headers={"X-API-Key": KEYS[0]}).status_code != 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEYS[0]},
        {"X-API-Key": KEYS[1].encode()},
        {"Authorization": f"Bearer {KEYS[0]}"},
        {"Authorization": f"bearer  {KEYS[0]}"},
    ],
)
def test_a_known_key_opens(locked: TestClient, headers: dict[str, str]) -> None:
    assert locked.get("/bundle", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ""},
        {"X-API-Key": "first-ke"},
        {"X-API-Key": "first-key2"},
        {"Authorization": "Basic first-key"},
        {"Authorization": "Bearer"},
        {"X-API-Key": b"\xff\xfe"},
    ],
)
def test_another_key_does_not(locked: TestClient, headers: dict[str, str]) -> None:
    assert locked.get("/bundle", headers=headers).status_code == 401


def test_the_document_says_what_is_locked(locked: TestClient) -> None:
    document = locked.get("/openapi.json", headers={"X-API-Key": KEYS[0]}).json()
    assert document["components"]["securitySchemes"].keys() == {"ApiKey", "Bearer"}
    assert document["paths"]["/analyze"]["post"]["security"]
    assert "401" in document["paths"]["/analyze"]["post"]["responses"]
    assert "security" not in document["paths"]["/livez"]["get"]


def test_without_keys_everything_is_open(client: TestClient) -> None:
    assert client.get("/bundle").status_code == 200
