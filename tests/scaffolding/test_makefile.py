import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

COMMANDS = {
    "install": ".venv/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]'",
    "run": ".venv/bin/anomaliz serve",
    "train": ".venv/bin/anomaliz train --out artifacts/dev",
    "train-sweep": ".venv/bin/anomaliz train --sweep --out artifacts/dev",
    "train-mlflow": ".venv/bin/anomaliz train --logger mlflow --out artifacts/dev",
    "mlflow-ui": ".venv/bin/mlflow ui --host 127.0.0.1 --port 5000",
    "serve": "ANOMALIZ_ARTIFACT_DIR=artifacts/dev .venv/bin/anomaliz serve",
    "serve-with-agent": "ANOMALIZ__AGENT__BACKEND=${ANOMALIZ__AGENT__BACKEND:-openai}",
    "dashboard": "anomaliz.visualization.dashboard --bundle artifacts/dev --out reports",
    "eval-nab": ".venv/bin/python -m anomaliz.data.nab --bundle artifacts/dev",
    "test": ".venv/bin/pytest",
    "test-fast": '.venv/bin/pytest -m "not slow"',
    "lint": ".venv/bin/ruff format --check .",
    "bench": ".venv/bin/python -m benchmarks",
    "ablations": ".venv/bin/python -m benchmarks.ablations",
    "docker-up": "docker compose up --build --detach --wait",
    "docker-up-llm": "ANOMALIZ__AGENT__BACKEND=ollama docker compose --profile llm up",
    "docker-up-pipelines": "docker compose --profile pipelines up --build --detach --wait prometheus",
    "docker-down": "docker compose --profile llm --profile pipelines down",
    "help": "awk",
}
NEED_NO_PYTHON = {"docker-up", "docker-up-llm", "docker-up-pipelines", "docker-down", "help"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what the Makefile reads, where nothing is installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def installed(clone: Path) -> Path:
    """The same where `make install` is done and `anomaliz` only says how it was called."""
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pip", "anomaliz"):
        script(programs / name, 'echo "called: ${0##*/} $*"')
    (clone / ".venv" / ".installed").touch()
    return clone


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def environment() -> dict[str, str]:
    """Return an environment without the variables of a `make` that runs the tests."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def write_bundle(folder: Path) -> None:
    bundle = folder / "artifacts" / "dev"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text("{}")


@pytest.mark.parametrize("target", COMMANDS)
def test_target_runs_its_command(clone: Path, target: str) -> None:
    shown = make(clone, "--dry-run", target)
    assert shown.returncode == 0, shown.stderr
    assert COMMANDS[target] in shown.stdout


@pytest.mark.parametrize("target", COMMANDS)
def test_target_installs_first_unless_it_needs_no_python(clone: Path, target: str) -> None:
    installs = COMMANDS["install"] in make(clone, "--dry-run", target).stdout
    assert installs != (target in NEED_NO_PYTHON)


def test_help_lists_each_target_with_a_text(clone: Path) -> None:
    lines = make(clone, "help").stdout.splitlines()
    listed = dict(line.split(maxsplit=1) for line in lines[1:])
    assert set(listed) == set(COMMANDS)
    assert all(listed.values())
    assert make(clone).stdout.splitlines() == lines


def test_every_phony_target_is_declared(clone: Path) -> None:
    for target in COMMANDS:
        (clone / target).touch()
    assert not [target for target in COMMANDS if "up to date" in make(clone, "--dry-run", target).stdout]


def test_variables_name_the_bundle_and_the_reports(clone: Path) -> None:
    shown = make(clone, "--dry-run", "train", "dashboard", "BUNDLE=artifacts/v2", "REPORTS=out").stdout
    assert "anomaliz train --out artifacts/v2" in shown
    assert "--bundle artifacts/v2 --out out" in shown


def test_install_is_done_once(installed: Path) -> None:
    assert "Nothing to be done" in make(installed, "install").stdout


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_dependencies_are_installed_but_train_nothing(installed: Path, name: str) -> None:
    write_bundle(installed)
    past = (installed / ".venv" / ".installed").stat().st_mtime - 60
    os.utime(installed / ".venv" / ".installed", (past, past))
    for other in {"pyproject.toml", "constraints.txt"} - {name}:
        os.utime(installed / other, (past - 60, past - 60))
    shown = make(installed, "run").stdout
    assert "called: pip install" in shown
    assert "called: anomaliz train" not in shown


def test_run_trains_a_missing_bundle_then_serves(installed: Path) -> None:
    shown = make(installed, "run").stdout
    calls = re.findall("called: (.*)", shown)
    assert calls == ["anomaliz train --out artifacts/dev", "anomaliz serve"]


def test_run_only_serves_a_bundle_that_exists(installed: Path) -> None:
    write_bundle(installed)
    assert re.findall("called: (.*)", make(installed, "run").stdout) == ["anomaliz serve"]


def test_run_stops_when_training_fails(installed: Path) -> None:
    script(installed / ".venv" / "bin" / "anomaliz", 'echo "called: $1"; [ "$1" != train ]')
    ended = make(installed, "run")
    assert ended.returncode != 0
    assert "called: serve" not in ended.stdout


def test_interrupted_training_keeps_the_manifest_just_written(installed: Path) -> None:
    write = "mkdir -p artifacts/dev; echo {} >artifacts/dev/manifest.json; echo written; exec sleep 60"
    script(installed / ".venv" / "bin" / "anomaliz", write)
    process = subprocess.Popen(
        ["make", "run"],
        cwd=installed,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert any(line == "written\n" for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) != 0
    assert (installed / "artifacts" / "dev" / "manifest.json").exists()


def test_agent_backend_of_the_environment_is_kept(installed: Path) -> None:
    script(installed / ".venv" / "bin" / "anomaliz", 'echo "backend: $ANOMALIZ__AGENT__BACKEND"')
    command = ["make", "serve-with-agent"]
    chosen = environment() | {"ANOMALIZ__AGENT__BACKEND": "ollama"}
    assert "backend: openai" in make(installed, "serve-with-agent").stdout
    assert (
        b"backend: ollama"
        in subprocess.run(command, cwd=installed, env=chosen, capture_output=True, check=True).stdout
    )


def test_first_python_of_a_tested_version_makes_the_environment(clone: Path) -> None:
    old = script(clone / "python2", "exit 1")
    ended = make(clone, ".venv/bin/pip", f"PYTHON={old} {clone / 'absent'} {sys.executable}")
    assert ended.returncode == 0, ended.stderr
    version = subprocess.run(
        [clone / ".venv" / "bin" / "pip", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert str(clone) in version


def test_no_suitable_python_is_one_sentence(clone: Path) -> None:
    ended = make(clone, "install", f"PYTHON={script(clone / 'python2', 'exit 1')}")
    assert ended.returncode != 0
    sentence, end_of_make = ended.stderr.splitlines()
    assert (
        sentence
        == "Python 3.11, 3.12 or 3.13 is needed: install one, or name it with PYTHON=/path/to/python."
    )
    assert end_of_make.startswith("make: ***")
    assert not (clone / ".venv").exists()


def test_missing_venv_module_names_the_package(clone: Path) -> None:
    python = script(clone / "python3.12", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    ended = make(clone, "install", f"PYTHON={python}")
    assert ended.returncode != 0
    assert "has no venv module: on Debian or Ubuntu, apt-get install python3.12-venv." in ended.stderr
    assert not (clone / ".venv").exists()
