import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_the_services_are_those_of_the_readme() -> None:
    assert set(SERVICES) == {
        "api",
        "train",
        "mlflow",
        "ollama",
        "prometheus",
        "node-exporter",
        "pipelines",
    }
    assert "version" not in COMPOSE


@pytest.mark.parametrize(
    ("service", "target"),
    [("api", "serve-agent"), ("train", "train"), ("mlflow", "tracking"), ("pipelines", "run")],
)
def test_service_is_built_from_a_target_of_the_dockerfile(service: str, target: str) -> None:
    assert SERVICES[service]["build"] == {"context": ".", "target": target}
    assert re.search(rf"^FROM \S+ AS {target}$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_ports() -> None:
    assert SERVICES["api"]["ports"] == ["8000:8000"]
    assert SERVICES["mlflow"]["ports"] == ["127.0.0.1:5000:5000"]


def test_the_api_reads_the_artifacts_that_train_writes() -> None:
    assert SERVICES["api"]["volumes"] == ["./artifacts:/app/artifacts:ro"]
    assert SERVICES["train"]["volumes"] == ["./artifacts:/app/artifacts"]
    assert SERVICES["api"]["depends_on"] == {"train": {"condition": "service_completed_successfully"}}
    assert SERVICES["train"]["restart"] == "no"


def test_only_train_runs_as_root() -> None:
    assert [name for name, service in SERVICES.items() if "user" in service] == ["train"]


def test_state_of_others_lives_in_named_volumes() -> None:
    assert set(COMPOSE["volumes"]) == {"mlflow", "ollama", "pipelines", "prometheus"}
    assert SERVICES["mlflow"]["volumes"] == ["mlflow:/mlflow"]
    assert SERVICES["ollama"]["volumes"] == ["ollama:/models"]
    assert SERVICES["ollama"]["environment"] == {"OLLAMA_MODELS": "/models"}


def test_only_these_wait_for_their_profiles() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "ollama": ["llm"],
        "prometheus": ["pipelines"],
        "node-exporter": ["pipelines"],
        "pipelines": ["pipelines"],
    }


def test_pipelines_and_node_exporter_are_at_the_localhost_of_prometheus() -> None:
    for name in ("pipelines", "node-exporter"):
        assert SERVICES[name]["network_mode"] == "service:prometheus"
        assert "ports" not in SERVICES[name]
    # No login is asked for there, so its ports are the host's own.
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:9090:9090", "127.0.0.1:8001:8000"]


def test_files_that_pipelines_mount_are_there() -> None:
    assert SERVICES["prometheus"]["volumes"][0] == "./deploy:/deploy:ro"
    (configuration,) = (
        part.removeprefix("--config.file=/") for part in SERVICES["prometheus"]["command"] if "config" in part
    )
    definitions, state = SERVICES["pipelines"]["volumes"]
    source, place, _ = definitions.split(":")
    assert (ROOT / configuration).is_file()
    assert (ROOT / source).is_file()
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f'CMD ["anomaliz", "run", "{Path(place).parent}"]' in dockerfile
    assert state == "pipelines:/app/.anomaliz"
    assert "/app/.anomaliz" in dockerfile


def test_pipelines_have_time_to_end_their_jobs() -> None:
    defaults = yaml.safe_load((files("anomaliz.config") / "defaults.yaml").read_text())
    grace = SERVICES["pipelines"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) > defaults["pipelines"]["shutdown_seconds"]


def variables(tree: dict[str, Any], prefix: str = "ANOMALIZ") -> set[str]:
    """Return the environment variable of each setting of `defaults.yaml`."""
    nested = {f"{prefix}__{key.upper()}": value for key, value in tree.items()}
    return {
        name
        for key, value in nested.items()
        for name in (variables(value, key) if isinstance(value, dict) else {key})
    }


@pytest.mark.parametrize("service", ["api", "train", "pipelines"])
def test_variables_passed_on_are_settings_without_a_second_default(service: str) -> None:
    defaults = yaml.safe_load((files("anomaliz.config") / "defaults.yaml").read_text())
    passed = {
        name: value for name, value in SERVICES[service]["environment"].items() if name.startswith("ANOMALIZ")
    }
    assert passed
    assert set(passed) <= variables(defaults)
    assert set(passed.values()) == {None}


class Training:
    """The command of the train service, run in a folder with a stand-in for the program in the image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "artifacts").mkdir()
        program = folder / "anomaliz"
        program.write_text(
            '#!/bin/sh\necho "called: $*"\numask 077\nmkdir -p "$3"\necho {} >"$3/manifest.json"\n'
        )
        program.chmod(0o755)

    def run(self) -> str:
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run(
            SERVICES["train"]["command"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def test_train_fills_an_empty_folder_once_and_anyone_may_read_it(tmp_path: Path) -> None:
    training = Training(tmp_path)
    assert training.run() == "called: train --out artifacts/dev\n"
    bundle = tmp_path / "artifacts" / "dev"
    assert bundle.stat().st_mode & 0o777 == 0o755
    assert (bundle / "manifest.json").stat().st_mode & 0o777 == 0o644
    assert training.run() == ""


def test_failed_training_fails_the_service(tmp_path: Path) -> None:
    training = Training(tmp_path)
    (tmp_path / "anomaliz").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(subprocess.CalledProcessError):
        training.run()


def test_bundle_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    training = Training(tmp_path)
    # Only root may give files away; for anyone else the owner is the same before and after.
    owner = 12345 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path / "artifacts", owner, -1)
    training.run()
    assert (tmp_path / "artifacts" / "dev" / "manifest.json").stat().st_uid == owner
