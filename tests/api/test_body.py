from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

ROUTES = ("/analyze", "/analyze/batch", "/detect")
LIMIT = 20_000


@pytest.fixture
def limited(start_client: Callable[..., TestClient], bundle_dir: Path) -> TestClient:
    return start_client(bundle_dir, api__max_body_bytes=LIMIT)


def chunks(total: int) -> Iterator[bytes]:
    for _ in range(total // 1000):
        yield b" " * 1000


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_over_the_limit_is_413_with_and_without_an_announced_length(
    limited: TestClient, route: str
) -> None:
    for content in (b" " * (LIMIT + 1), chunks(10 * LIMIT)):
        response = limited.post(route, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert str(LIMIT) in response.json()["detail"]


def test_a_body_of_the_limit_is_read(limited: TestClient) -> None:
    assert limited.post("/analyze", content=b" " * LIMIT).status_code == 400
    assert limited.post("/analyze", content=chunks(LIMIT)).status_code == 400


def test_a_body_in_pieces_is_put_together(client: TestClient, window: dict[str, Any]) -> None:
    whole = client.build_request("POST", "/analyze", json=window).read()
    pieces = client.post("/analyze", content=iter([whole[:7], b"", whole[7:]]))
    assert pieces.json() == client.post("/analyze", json=window).json()


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "٣", ""])
def test_a_length_that_is_no_number_is_400(client: TestClient, length: str) -> None:
    headers = {"Content-Length": length.encode()}
    response = client.post("/analyze", content=b"{}", headers=headers)
    assert response.status_code == 400
    assert response.json()["field"] == "Content-Length"


def test_a_length_of_thousands_of_digits_is_413(client: TestClient) -> None:
    response = client.post("/analyze", content=b"{}", headers={"Content-Length": "9" * 5000})
    assert response.status_code == 413


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b'{"cpu": [1,]}', "trailing comma"),
        (b"\xff\xfe{}", "expected value"),
        (b'{"c\xffpu": 1}', "invalid"),
        (b'"\\ud800"', "unexpected end"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[" * 5000 + b"]" * 5000, "nested too deep"),
        (b"[" + b"1" * 10_000 + b"]", "number out of range"),
        (b"\xef\xbb\xbf{}", "expected value"),
        (b"cpu=0.3", "expected value"),
    ],
)
def test_what_is_not_json_is_400(client: TestClient, route: str, body: bytes, detail: str) -> None:
    response = client.post(route, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["detail"].startswith("the body is not JSON that can be read: ")
    assert detail in response.json()["detail"]


def test_nesting_that_can_be_read_is_refused_as_a_value(client: TestClient) -> None:
    response = client.post("/analyze", content=b'{"cpu": ' + b"[" * 150 + b"]" * 150 + b"}")
    assert response.status_code == 422


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_another_type_is_415(client: TestClient, route: str, headers: dict[str, str]) -> None:
    response = client.post(route, content=b"{}", headers=headers)
    assert response.status_code == 415
    assert response.json()["field"] == "Content-Type"


@pytest.mark.parametrize(
    "content_type", ["application/json;charset=UTF-8", 'APPLICATION/JSON; charset="utf-8"', None]
)
def test_json_is_json_however_it_is_called(
    client: TestClient, window: dict[str, Any], content_type: str | None
) -> None:
    raw = client.build_request("POST", "/analyze", json=window).read()
    headers = {"Content-Type": content_type} if content_type else {}
    assert client.post("/analyze", content=raw, headers=headers).status_code == 200


def test_csv_is_for_detect_alone(client: TestClient) -> None:
    assert client.post("/analyze", content=b"a", headers={"Content-Type": "text/csv"}).status_code == 415
    assert client.post("/detect", content=b"", headers={"Content-Type": "text/csv"}).status_code == 422
