import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from anomaliz.bundle.bundle import Bundle

if TYPE_CHECKING:
    from conftest import AskedBy, StartServer

Swap = Callable[[Path, Path], None]
Window = dict[str, Any]


@pytest.mark.parametrize("command", [None, ("-m", "uvicorn", "anomaliz.api.main:app")])
def test_a_service_answers_logs_and_stops_when_told(
    start_server: "StartServer", bundle_dir: Path, window: Window, command: tuple[str, ...] | None
) -> None:
    server = start_server(bundle_dir, command) if command else start_server(bundle_dir)
    answer = httpx.post(f"{server.url}/analyze", json=window, headers={"X-Request-ID": "here-i-am"})
    assert answer.json()["anomaly"] is False
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) in {0, -signal.SIGTERM}
    records = server.records()
    (request,) = [record for record in records if record.get("path") == "/analyze"]
    assert (request["request_id"], request["status"], request["method"]) == ("here-i-am", 200, "POST")
    assert any(record["message"] == "bundle in service" for record in records)
    assert not [record for record in records if record["level"] in {"WARNING", "ERROR"}]


def test_text_logs_are_for_people(start_server: "StartServer", bundle_dir: Path) -> None:
    server = start_server(bundle_dir, ANOMALIZ__LOGGING__FORMAT="text")
    httpx.get(f"{server.url}/livez")
    # The line is written after the answer is sent.
    wait_for(lambda: 'INFO anomaliz.api.request_log request request_id="' in server.log.read_text())


def test_a_request_in_flight_is_answered_before_the_end(
    start_server: "StartServer", bundle_dir: Path, window: Window
) -> None:
    server = start_server(bundle_dir)
    request = httpx.Request("POST", f"{server.url}/analyze", json=window)
    raw = request.read()
    host, port = request.url.host, request.url.port
    with socket.create_connection((host, port)) as connection:
        head = f"POST /analyze HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw[:20])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(raw[20:])
        connection.settimeout(10)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK")
    assert server.process.wait(20) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("announced", [True, False])
def test_ten_megabytes_are_413_while_the_service_goes_on(
    start_server: "StartServer", bundle_dir: Path, window: Window, announced: bool
) -> None:
    server = start_server(bundle_dir)
    block = b" " * 100_000
    content: Any = block * 100 if announced else (block for _ in range(100))
    with httpx.Client(base_url=server.url) as client:
        response = client.post("/analyze", content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert client.post("/analyze", json=window).status_code == 200


def test_swaps_under_load_fail_and_mix_no_request(
    start_server: "StartServer", served_dir: Path, other_dir: Path, swap: Swap, asked_by: "AskedBy"
) -> None:
    first = served_dir.with_name("first")
    shutil.copytree(served_dir, first)
    bundles = [Bundle.load(first), Bundle.load(other_dir)]
    thresholds = {bundle.sha256: bundle.profile.decision.threshold for bundle in bundles}
    server = start_server(served_dir, ANOMALIZ__API__RELOAD_SECONDS="0.1")
    with asked_by(server.url, 4) as seen:
        for new in (other_dir, first, other_dir):
            swap(new, served_dir)
            sha256 = Bundle.load(new).sha256
            wait_for(lambda sha256=sha256: httpx.get(f"{server.url}/bundle").json()["sha256"] == sha256)
        (served_dir / "scoring.onnx").write_bytes(b"damaged")
        time.sleep(0.5)
    assert {(status, sha256) for status, sha256, _ in seen} == {(200, sha256) for sha256 in thresholds}
    assert all(threshold == thresholds[sha256] for _, sha256, threshold in seen)
    assert any("scoring.onnx differs" in record.get("reason", "") for record in server.records())


def test_a_port_that_is_taken_ends_the_service_with_a_reason(
    start_server: "StartServer", bundle_dir: Path
) -> None:
    port = start_server(bundle_dir).port
    with pytest.raises(AssertionError, match="address already in use"):
        start_server(bundle_dir, port=port)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("what was waited for did not happen in 10 s")
