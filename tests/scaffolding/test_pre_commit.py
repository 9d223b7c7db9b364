import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"


def test_the_configuration_is_valid() -> None:
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", CONFIG], check=True)


def test_hooks_are_the_checks_of_make_lint_and_download_nothing() -> None:
    (repository,) = yaml.safe_load(CONFIG.read_text())["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    programs = {hook["entry"].split()[0] for hook in repository["hooks"]}
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert programs == {f".venv/bin/{name}" for name in ("ruff", "mypy", "lint-imports")}
    assert all(program.replace(".venv/bin", "$(BIN)") in lint for program in programs)
