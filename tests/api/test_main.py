import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

HEAVY = (
    "tensorflow",
    "keras",
    "sklearn",
    "pandas",
    "mlflow",
    "matplotlib",
    "langchain_core",
    "langchain_openai",
    "langchain_ollama",
    "langgraph",
    "openai",
    "ollama",
    "onnx",
)

IMPORT_AND_SCORE = """
import json, sys
if {blocked}:
    sys.modules.update(dict.fromkeys({heavy}))
from starlette.testclient import TestClient
from anomaliz.api import main
with TestClient(main.app) as client:
    assert client.get("/readyz").status_code == 200, client.get("/readyz").text
    document = client.get("/openapi.json").json()
    window = document["paths"]["/analyze"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/analyze", json=window).json()["status"] == "ok"
print(json.dumps([name for name in {heavy} if sys.modules.get(name)]))
"""


def run(code: str, variables: dict[str, str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("blocked", [False, True])
def test_a_service_starts_and_scores_without_a_heavy_library(
    bundle_dir: Path, tmp_path: Path, variables: Callable[..., dict[str, str]], blocked: bool
) -> None:
    done = run(IMPORT_AND_SCORE.format(heavy=HEAVY, blocked=blocked), variables(bundle_dir), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


def test_importing_reads_no_settings(tmp_path: Path, variables: Callable[..., dict[str, str]]) -> None:
    bad = variables(tmp_path, ANOMALIZ__API__PORT="high")
    assert run("from anomaliz.api.main import create_app", bad, tmp_path).returncode == 0


def test_a_bad_setting_ends_the_server_in_one_sentence(
    tmp_path: Path, variables: Callable[..., dict[str, str]]
) -> None:
    done = run(
        "from anomaliz.api import main; main.app", variables(tmp_path, ANOMALIZ__API__PORT="high"), tmp_path
    )
    assert done.returncode == 1
    assert "ANOMALIZ__API__PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_key_is_warned_of(
    start_client: Callable[..., TestClient], bundle_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        start_client(bundle_dir, agent__backend="openai")
    assert "agent.openai_api_key is not set" in caplog.text


def test_a_server_of_ones_own_needs_no_key(
    start_client: Callable[..., TestClient], bundle_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        start_client(bundle_dir, agent__backend="openai", agent__openai_base_url="http://127.0.0.1:9/v1")
    assert not caplog.records


@pytest.mark.parametrize("backend", ["openai", "ollama"])
def test_a_backend_without_its_extra_ends_the_server_in_one_sentence(
    tmp_path: Path, variables: Callable[..., dict[str, str]], backend: str
) -> None:
    block = (
        "import sys; sys.modules.update(dict.fromkeys(['langgraph', 'langchain_openai', 'langchain_ollama']))"
    )
    done = run(
        f"{block}; from anomaliz.api import main; main.app",
        variables(tmp_path, ANOMALIZ__AGENT__BACKEND=backend),
        tmp_path,
    )
    assert done.returncode == 1
    assert done.stderr == "The explanation agent needs the 'agent' extra: pip install 'anomaliz[agent]'\n"


def test_nothing_is_warned_of_without_an_agent(
    start_client: Callable[..., TestClient], bundle_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        start_client(bundle_dir)
    assert not caplog.records
