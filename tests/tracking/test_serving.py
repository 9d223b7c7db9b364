"""A service whose bundle comes from a real registry."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from anomaliz.bundle.manifest import read_manifest

if TYPE_CHECKING:
    from conftest import AskedBy, MlflowServer, Register, StartServer

Point = Callable[[str, str, str], None]
Until = Callable[..., None]
Start = Callable[..., Any]
Window = dict[str, Any]

WITH_MODULES = """
import sys
import uvicorn
from anomaliz.api import logs
from anomaliz.api.main import create_app
from anomaliz.config.loading import load_settings

settings = load_settings(env_file=None)
logs.configure(settings.logging)
app = create_app(settings)
app.add_api_route("/modules", lambda: list(sys.modules))
uvicorn.run(app, port=settings.api.port, log_config=None)
"""


def ready(url: str) -> httpx.Response:
    return httpx.get(f"{url}/readyz")


def sha256_of(directory: Path) -> str:
    return read_manifest(directory)[1]


def child_of(server: Any) -> psutil.Process:
    (child,) = psutil.Process(server.process.pid).children()
    return child


@pytest.fixture
def start(start_server: "StartServer", mlflow_server: "MlflowServer", tmp_path: Path) -> Start:
    """Start a service with a bundle of the registry and a cache of the test's own."""

    def start(uri: str, command: tuple[str, ...] | None = None, **variables: str) -> Any:
        variables = {
            "ANOMALIZ__TRACKING__TRACKING_URI": mlflow_server.uri,
            "ANOMALIZ__TRACKING__CACHE_DIR": str(tmp_path / "cache"),
            "ANOMALIZ__API__RELOAD_SECONDS": "0.2",
            **variables,
        }
        return start_server(uri, command, **variables) if command else start_server(uri, **variables)

    return start


def test_a_service_serves_an_alias_and_imports_no_mlflow(
    start: Start, register: "Register", point: Point, bundle_dir: Path, window: Window, until: Until
) -> None:
    point("served", "champion", register(bundle_dir, "served"))
    server = start("models:/served@champion", ("-c", WITH_MODULES))
    until(lambda: ready(server.url).status_code == 200)
    answer = httpx.post(f"{server.url}/analyze", json=window).json()
    assert answer["bundle"]["sha256"] == sha256_of(bundle_dir)
    registry = ready(server.url).json()["registry"]
    assert (registry["reachable"], registry["message"]) == (True, None)
    modules = httpx.get(f"{server.url}/modules").json()
    assert [name for name in modules if name.startswith("mlflow")] == []
    assert not [record for record in server.records() if record["level"] in {"WARNING", "ERROR"}]


def test_an_alias_that_moves_under_load_fails_no_request(
    start: Start,
    register: "Register",
    point: Point,
    bundle_dir: Path,
    other_dir: Path,
    asked_by: "AskedBy",
    until: Until,
) -> None:
    versions = {sha256_of(folder): register(folder, "moving") for folder in (bundle_dir, other_dir)}
    first, second = versions
    point("moving", "champion", versions[first])
    server = start("models:/moving@champion")
    until(lambda: ready(server.url).status_code == 200)
    with asked_by(server.url, 2) as seen:
        for sha256 in (second, first, second):
            point("moving", "champion", versions[sha256])
            until(lambda sha256=sha256: httpx.get(f"{server.url}/bundle").json()["sha256"] == sha256)
    assert {(status, sha256) for status, sha256, _ in seen} == {(200, first), (200, second)}
    assert all((threshold == 0.123) == (sha256 == second) for _, sha256, threshold in seen)


def test_reload_looks_at_once(
    start: Start, register: "Register", point: Point, bundle_dir: Path, other_dir: Path, until: Until
) -> None:
    first, second = register(bundle_dir, "asked"), register(other_dir, "asked")
    point("asked", "champion", first)
    server = start("models:/asked@champion", ANOMALIZ__API__RELOAD_SECONDS="0")
    until(lambda: ready(server.url).status_code == 200)
    assert httpx.post(f"{server.url}/reload", timeout=60).json()["result"] == "unchanged"
    point("asked", "champion", second)
    answer = httpx.post(f"{server.url}/reload", timeout=60).json()
    assert (answer["result"], answer["bundle"]["sha256"]) == ("loaded", sha256_of(other_dir))


def test_a_version_that_is_broken_is_refused_and_the_old_one_stays(
    start: Start,
    register: "Register",
    point: Point,
    bundle_dir: Path,
    served_dir: Path,
    window: Window,
    until: Until,
    resigned: Callable[[Path], None],
) -> None:
    (served_dir / "scoring.onnx").write_bytes(b"not a graph")
    resigned(served_dir)
    point("broken", "champion", register(bundle_dir, "broken"))
    server = start("models:/broken@champion")
    until(lambda: ready(server.url).status_code == 200)
    point("broken", "champion", register(served_dir, "broken"))
    until(lambda: any("graph cannot be loaded" in record.get("reason", "") for record in server.records()))
    assert httpx.post(f"{server.url}/analyze", json=window).json()["bundle"]["sha256"] == sha256_of(
        bundle_dir
    )
    assert ready(server.url).status_code == 200
    refusal = httpx.post(f"{server.url}/reload", timeout=60)
    assert refusal.status_code == 409
    assert "the bundle before it stays in service" in refusal.json()["detail"]


def test_an_alias_that_is_taken_away_leaves_the_bundle_in_service(
    start: Start, client: Any, register: "Register", point: Point, bundle_dir: Path, until: Until
) -> None:
    point("untold", "champion", register(bundle_dir, "untold"))
    server = start("models:/untold@champion")
    until(lambda: ready(server.url).status_code == 200)
    client.delete_registered_model_alias("untold", "champion")
    until(lambda: ready(server.url).json()["registry"]["message"] is not None)
    answer = ready(server.url)
    assert answer.status_code == 200
    assert answer.json()["registry"]["reachable"] is True
    assert "alias champion not found" in answer.json()["registry"]["message"]


@pytest.mark.slow
def test_an_outage_of_the_registry(
    start: Start,
    mlflow_server: "MlflowServer",
    register: "Register",
    point: Point,
    bundle_dir: Path,
    other_dir: Path,
    window: Window,
    until: Until,
    tmp_path: Path,
) -> None:
    first, second = register(bundle_dir, "outage"), register(other_dir, "outage")
    point("outage", "champion", first)
    server = start("models:/outage@champion")
    until(lambda: ready(server.url).status_code == 200)
    mlflow_server.kill()
    try:
        until(lambda: ready(server.url).json()["registry"]["reachable"] is False)
        assert httpx.post(f"{server.url}/analyze", json=window).status_code == 200
        assert httpx.post(f"{server.url}/reload", timeout=60).status_code == 409
        server.process.kill()
        again = start("models:/outage@champion")
        until(lambda: ready(again.url).json()["registry"]["reachable"] is False)
        answer = ready(again.url)
        assert answer.status_code == 200
        assert answer.json()["bundle"]["sha256"] == sha256_of(bundle_dir)
        assert (
            "what models:/outage@champion last stood for, version 1, is served"
            in (answer.json()["registry"]["message"])
        )
        bare = start("models:/outage@champion", ANOMALIZ__TRACKING__CACHE_DIR=str(tmp_path / "empty"))
        until(lambda: "cannot be reached" in ready(bare.url).json().get("detail", ""))
        assert ready(bare.url).status_code == 503
        assert "models:/outage@champion is not in the cache" in ready(bare.url).json()["detail"]
        assert httpx.post(f"{bare.url}/analyze", json=window).status_code == 503
    finally:
        mlflow_server.start()
    until(lambda: ready(bare.url).status_code == 200)
    until(lambda: ready(again.url).json()["registry"]["reachable"] is True)
    point("outage", "champion", second)
    for service in (bare, again):
        until(lambda url=service.url: ready(url).json()["bundle"]["sha256"] == sha256_of(other_dir))


def test_a_damaged_cache_is_mended_at_the_start(
    start: Start, register: "Register", bundle_dir: Path, until: Until, tmp_path: Path
) -> None:
    uri = f"models:/damaged/{register(bundle_dir, 'damaged')}"
    server = start(uri)
    until(lambda: ready(server.url).status_code == 200)
    server.process.kill()
    (graph,) = (tmp_path / "cache").rglob("scoring.onnx")
    graph.write_bytes(b"damaged")
    again = start(uri)
    until(lambda: ready(again.url).status_code == 200)
    assert graph.read_bytes() == (bundle_dir / "scoring.onnx").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_watching_process_ends_with_the_service(
    start: Start, register: "Register", bundle_dir: Path, until: Until, number: int
) -> None:
    server = start(f"models:/ended/{register(bundle_dir, 'ended')}")
    until(lambda: ready(server.url).status_code == 200)
    child = child_of(server)
    os.kill(server.process.pid, number)
    server.process.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_watching_process_that_dies_is_started_again(
    start: Start, register: "Register", point: Point, bundle_dir: Path, other_dir: Path, until: Until
) -> None:
    first, second = register(bundle_dir, "revived"), register(other_dir, "revived")
    point("revived", "champion", first)
    server = start("models:/revived@champion")
    until(lambda: ready(server.url).status_code == 200)
    child_of(server).kill()
    until(lambda: ready(server.url).json()["registry"]["reachable"] is False)
    point("revived", "champion", second)
    until(lambda: ready(server.url).json()["bundle"]["sha256"] == sha256_of(other_dir))


def test_a_challenger_of_the_registry_scores_beside_the_champion(
    start: Start,
    register: "Register",
    point: Point,
    bundle_dir: Path,
    other_dir: Path,
    window: Window,
    until: Until,
) -> None:
    point("duel", "champion", register(bundle_dir, "duel"))
    point("duel", "challenger", register(other_dir, "duel"))
    server = start("models:/duel@champion", ANOMALIZ__API__CHALLENGER="models:/duel@challenger")
    until(lambda: ready(server.url).json().get("challenger", {}).get("bundle") is not None)
    answer = httpx.post(f"{server.url}/analyze", json=window).json()
    assert answer["bundle"]["sha256"] == sha256_of(bundle_dir)

    def metrics() -> str:
        return httpx.get(f"{server.url}/metrics", headers={"Accept": "text/plain"}).text

    until(lambda: 'anomaliz_challenger_points_total{anomalous="neither"} 1.0' in metrics())
    assert f'sha256="{sha256_of(other_dir)}"' in metrics()


def test_a_cache_that_cannot_be_written_ends_the_start(
    variables: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "anomaliz.cli", "serve"],
        env=variables("models:/anomaliz@champion", ANOMALIZ__TRACKING__CACHE_DIR=str(tmp_path / "file")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: tracking.cache_dir")
    assert len(done.stderr.splitlines()) == 1


def test_commands_take_a_uri(
    register: "Register",
    mlflow_server: "MlflowServer",
    bundle_dir: Path,
    variables: Callable[..., dict[str, str]],
    tmp_path: Path,
) -> None:
    uri = f"models:/commands/{register(bundle_dir, 'commands')}"

    def run(tracking_uri: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "anomaliz.cli", "bundle", "verify", uri],
            env=variables("absent", ANOMALIZ__TRACKING__TRACKING_URI=tracking_uri),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run(mlflow_server.uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{uri} is whole: 17 files match")
    alone = run("http://127.0.0.1:9")
    assert alone.returncode == 1
    assert alone.stderr.startswith("error: MLflow at http://127.0.0.1:9 cannot be reached")
    assert len(alone.stderr.splitlines()) == 1
