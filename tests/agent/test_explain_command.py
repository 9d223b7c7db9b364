"""`anomaliz explain`, run as a user runs it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VERDICT = {
    "anomaly": True,
    "score": 0.88,
    "threshold": 0.75,
    "contributions": {
        "latency": {"contribution": 0.8, "observed": 180, "expected": 14.75},
        "cpu": {"contribution": 0.2, "observed": 0.9, "expected": 0.3},
    },
}
EVENT = {"start": "2024-01-07T03:20:00Z", "score": 0.7, "points": 4, "contributions": {"cpu": 1.0}}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(llm: Any, tmp_path: Path, serve_variables: Callable[..., tuple[dict[str, str], int]]) -> Run:
    """Run `anomaliz explain` on a body, with a backend where one is named."""

    def run(body: Any, *options: str, backend: str | None = None, **others: str) -> Any:
        variables, _ = serve_variables(tmp_path, llm.settings(backend) if backend else {}, **others)
        command = [sys.executable, "-m", "anomaliz.cli", "explain", "-", *options]
        text = body if isinstance(body, str) else json.dumps(body)
        return subprocess.run(
            command, input=text, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def test_without_a_backend_there_is_the_summary(run: Run) -> None:
    done = run(VERDICT)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("latency spiked to 180, where 14.75 was expected.")
    assert last.startswith("No LLM is configured: set agent.backend")


def test_with_one_there_is_the_explanation(llm: Any, good: dict[str, Any], run: Run) -> None:
    llm.script(good)
    done = run(EVENT, backend="openai")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for words in (
        good["analysis"],
        good["recommendation"],
        "spike, severity critical, confidence 0.8",
        "  f1  ",
    ):
        assert words in done.stdout


def test_verbose_shows_nodes_durations_prompts_and_replies(llm: Any, good: dict[str, Any], run: Run) -> None:
    llm.script(good | {"analysis": "It rose by 4711%."}, good)
    done = run(EVENT, "--verbose", backend="ollama")
    assert done.returncode == 0, done.stderr
    nodes = [line.split()[0] for line in done.stderr.splitlines() if line.endswith(" ms")]
    assert nodes == ["gather", "assess", "verify", "finish"]
    for words in ("prompt assess, version 1", "prompt verify, version 1", "4711 is quoted", good["analysis"]):
        assert words in done.stderr


def test_json_is_the_answer_of_the_service(llm: Any, good: dict[str, Any], run: Run) -> None:
    llm.script(good)
    answer = json.loads(run(VERDICT, "--json", backend="openai").stdout)
    assert answer["explanation"]["status"] == "ok"
    assert answer["severity"] == "critical"


def test_a_failure_is_one_sentence_below_the_summary(llm: Any, misbehaving: Any, run: Run) -> None:
    llm.script(misbehaving("401"))
    done = run(VERDICT, backend="openai")
    assert done.returncode == 1
    assert done.stdout.startswith("latency spiked to 180")
    assert done.stderr.startswith("error: scripted at http://127.0.0.1")
    assert len(done.stderr.splitlines()) == 1


def test_a_normal_point_is_not_explained(run: Run) -> None:
    done = run(VERDICT | {"anomaly": False})
    assert (done.returncode, done.stdout) == (0, "It is no anomaly: there is nothing to explain.\n")


@pytest.mark.parametrize("body", ["{", "[]", "{}"])
def test_what_is_neither_is_refused_in_one_sentence(run: Run, body: str) -> None:
    done = run(body)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: the body")
