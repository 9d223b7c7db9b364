from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from anomaliz.api.schemas import BundleDescription, ReloadAnswer
from anomaliz.bundle.bundle import Bundle

Swap = Callable[[Path, Path], None]


def test_the_bundle_is_described(client: TestClient, bundle: Bundle) -> None:
    described = BundleDescription.model_validate(client.get("/bundle").json())
    assert (described.sha256, described.name) == (bundle.sha256, bundle.name)
    assert described.features == ["cpu", "memory", "latency"]
    assert (described.window_size, described.step_seconds) == (10, 300)
    assert described.profiles["window"] == list(bundle.profile.detectors)


def test_reload_puts_a_new_bundle_in_service(
    start_client: Callable[..., TestClient], served_dir: Path, other_dir: Path, swap: Swap
) -> None:
    client = start_client(served_dir)
    assert client.post("/reload").json()["result"] == "unchanged"
    swap(other_dir, served_dir)
    answer = ReloadAnswer.model_validate(client.post("/reload").json())
    assert answer.result == "loaded"
    assert client.get("/bundle").json()["threshold"] == 0.123
    assert client.get("/bundle").json()["sha256"] == answer.bundle.sha256


def test_reload_refuses_a_damaged_bundle_and_keeps_the_old_one(
    start_client: Callable[..., TestClient], served_dir: Path
) -> None:
    client = start_client(served_dir)
    before = client.get("/bundle").json()
    (served_dir / "scoring.onnx").write_bytes(b"nothing")
    response = client.post("/reload")
    assert response.status_code == 409
    assert "scoring.onnx differs from its hash" in response.json()["detail"]
    assert "the bundle before it stays in service" in response.json()["detail"]
    assert client.get("/bundle").json() == before
    assert client.get("/readyz").status_code == 200


def test_reload_brings_a_service_to_life_that_started_without_a_bundle(
    start_client: Callable[..., TestClient], served_dir: Path, tmp_path: Path
) -> None:
    client = start_client(tmp_path / "later")
    assert client.post("/reload").status_code == 409
    served_dir.rename(tmp_path / "later")
    assert client.post("/reload").json()["result"] == "loaded"
    assert client.get("/readyz").status_code == 200
