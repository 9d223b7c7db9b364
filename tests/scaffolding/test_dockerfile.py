import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ("serve", "serve-agent", "serve-registry", "run", "train", "tracking")


@dataclass
class Stage:
    """One `FROM … AS name` of the Dockerfile with its instructions in order."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == keyword]


def read_stages() -> dict[str, Stage]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, Stage] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            stages[name] = Stage(name, base)
        elif keyword:
            stages[name].instructions.append((keyword, rest.strip()))
    return stages


STAGES = read_stages()


def lineage(name: str) -> list[Stage]:
    """Return the stage and those that it builds on, the oldest first."""
    stage = STAGES[name]
    return [*(lineage(stage.base) if stage.base in STAGES else []), stage]


def last(name: str, keyword: str) -> str:
    return [rest for stage in lineage(name) for rest in stage.all(keyword)][-1]


def environment_of(name: str) -> dict[str, str]:
    """Return the variables of a target, those of the stages below it included."""
    lines = [rest for stage in lineage(name) for rest in stage.all("ENV")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def venv_source(name: str) -> str:
    """Return the stage whose virtual environment a target holds."""
    (source,) = (re.match("--from=(\\S+) /venv /venv", rest) for rest in STAGES[name].all("COPY"))
    assert source
    return source[1]


def installed_by(name: str) -> list[str]:
    """Return what pip is asked for, as `.` or `.[extra]`, on the way to a stage."""
    runs = [rest for stage in lineage(name) for rest in stage.all("RUN") if "pip install" in rest]
    return [run.split()[-1].strip("'") for run in runs]


def test_the_default_target_is_the_last_one() -> None:
    assert list(STAGES)[-1] == "serve"


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_stands_on_the_slim_image(name: str) -> None:
    assert lineage(name)[0].base == "python:3.11-slim"


@pytest.mark.parametrize(
    ("target", "installed"),
    [
        ("serve", ["."]),
        ("serve-agent", [".", ".[agent]"]),
        ("serve-registry", [".", ".[tracking]"]),
        ("run", [".", ".[pipelines]"]),
        ("train", [".", ".[train,tracking]"]),
        ("tracking", [".", ".[tracking]"]),
    ],
)
def test_target_holds_its_extras_and_no_other(target: str, installed: list[str]) -> None:
    assert installed_by(venv_source(target)) == installed
    assert installed_by(target) == []


def test_pip_always_installs_the_tested_versions() -> None:
    runs = [rest for stage in STAGES.values() for rest in stage.all("RUN") if "pip install" in rest]
    assert runs
    assert all("--constraint constraints.txt" in run for run in runs)


@pytest.mark.parametrize("target", TARGETS)
def test_target_does_not_run_as_root(target: str) -> None:
    user = last(target, "USER")
    assert user not in ("root", "0")
    assert f"useradd --uid 10001 --create-home {user}" in STAGES["runtime"].all("RUN")[0]


@pytest.mark.parametrize("target", TARGETS)
def test_command_is_a_program_that_gets_the_signals(target: str) -> None:
    assert json.loads(last(target, "CMD"))[0] in ("anomaliz", "mlflow")


def test_serve_listens_where_it_says() -> None:
    assert last("serve", "EXPOSE") == "8000"
    assert environment_of("serve").items() >= {
        ("ANOMALIZ_ARTIFACT_DIR", "/app/artifacts/dev"),
        ("ANOMALIZ__API__HOST", "0.0.0.0"),
        ("ANOMALIZ__API__PORT", "8000"),
    }
    assert json.loads(last("serve", "CMD")) == ["anomaliz", "serve"]


def test_the_image_for_a_registry_is_the_other_with_another_place_and_a_cache() -> None:
    cache = "/app/cache"
    assert environment_of("serve-registry") == environment_of("serve") | {
        "ANOMALIZ_ARTIFACT_DIR": "models:/anomaliz@champion",
        "ANOMALIZ__TRACKING__CACHE_DIR": cache,
    }
    for keyword in ("EXPOSE", "CMD", "HEALTHCHECK"):
        assert last("serve-registry", keyword) == last("serve", keyword)
    (made,) = (rest for rest in STAGES["runtime"].all("RUN") if "install --directory" in rest)
    assert cache in made.split()


def test_copied_files_exist_and_docker_sees_them() -> None:
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for rest in STAGES["build"].all("COPY") for name in rest.split()[:-1]}
    assert copied == seen
    assert all((ROOT / name).exists() for name in copied)


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer `status` to /readyz and 404 to all else on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def healthcheck(port: int) -> int:
    """Run the image's health check against a port; a proxy that nobody answers is in its environment."""
    options, _, command = last("serve", "HEALTHCHECK").partition("CMD ")
    assert "--interval=" in options
    _, *arguments = json.loads(command)
    environment = {
        "PATH": os.environ["PATH"],
        "ANOMALIZ__API__PORT": str(port),
        "http_proxy": "http://127.0.0.1:9",
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_healthcheck_asks_whether_the_service_is_ready(status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert (healthcheck(port) == 0) is healthy


def test_healthcheck_fails_where_nobody_listens() -> None:
    with answering(200) as port:
        pass
    assert healthcheck(port) != 0
