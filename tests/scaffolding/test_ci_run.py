import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOSING_LINE = "3 passed in 0.10s"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clean clone whose checks all pass, in a folder of its own."""
    folder = tmp_path / "clone"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    services = folder / ".ci" / "services"
    services.write_text('#!/bin/sh\nmkdir -p "$ANOMALIZ_TEST_BIN"\n')
    services.chmod(0o755)
    write_makefile(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    return folder


def write_makefile(folder: Path, *, lint: str = "@echo fine", test: str = "@true") -> None:
    rules = f"install:\n\t@echo installed\nlint:\n\t{lint}\ntest:\n\t{test}\n\t@echo '{CLOSING_LINE}'\n"
    (folder / "Makefile").write_text(rules)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=environment(), check=True)


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def run(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [".ci/run"],
        cwd=clone,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_passing_checks_say_little_and_end_with_the_tests_closing_line(clone: Path) -> None:
    ended = run(clone)
    assert ended.returncode == 0
    steps = ["make install", "make lint", ".ci/services", "make test"]
    assert ended.stdout.splitlines() == [*(f"== {step}" for step in steps), CLOSING_LINE]


def test_it_runs_from_any_folder(clone: Path) -> None:
    assert subprocess.run([clone / ".ci" / "run"], cwd="/", env=environment(), check=False).returncode == 0


def test_failing_lint_is_shown_and_ends_the_run(clone: Path) -> None:
    write_makefile(clone, lint="@echo 'line too long'; exit 1")
    ended = run(clone)
    assert ended.returncode != 0
    assert "line too long" in ended.stdout
    assert "make test" not in ended.stdout


def test_failing_tests_fail_the_run(clone: Path) -> None:
    write_makefile(clone, test="@echo '1 failed'; exit 1")
    ended = run(clone)
    assert ended.returncode != 0
    assert "1 failed" in ended.stdout


@pytest.mark.parametrize("change", ["echo left >behind.txt", "echo changed >>Makefile"])
def test_changed_working_tree_fails_the_run(clone: Path, change: str) -> None:
    write_makefile(clone, test=f"@{change}")
    git(clone, "add", ".")
    ended = run(clone)
    assert ended.returncode == 1
    assert "The checks changed the working tree" in ended.stdout


def test_tests_know_that_they_run_in_ci(clone: Path) -> None:
    write_makefile(clone, test='@echo "CI is $$CI"')
    assert "CI is true" in run(clone).stdout


def test_shared_data_beside_the_clone_are_found(clone: Path) -> None:
    write_makefile(clone, test='@echo "shared: $$ANOMALIZ_SHARED"')
    assert "shared: \n" in run(clone).stdout
    (clone.parent / "shared").mkdir()
    assert f"shared: {clone.parent / 'shared'}\n" in run(clone).stdout
    assert "shared: /elsewhere\n" in run(clone, ANOMALIZ_SHARED="/elsewhere").stdout


@pytest.mark.parametrize(("user", "installs"), [("0", True), ("1000", False)])
def test_root_on_debian_gets_the_missing_venv_module(clone: Path, user: str, installs: bool) -> None:
    programs = clone.parent / "bin"
    programs.mkdir()
    installed = programs / "installed"
    bodies = {"python3": f"test -e {installed}", "apt-get": f'echo "$@" >>{installed}', "id": f"echo {user}"}
    for name, body in bodies.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    assert run(clone, PATH=path).returncode == 0
    assert installed.exists() is installs
    if installs:
        assert run(clone, PATH=path).stdout.splitlines()[0] == "== make install"
        assert installed.read_text().splitlines() == [
            "-qq update",
            "-qq install --yes --no-install-recommends python3-venv",
        ]
