"""The git revision that training runs at, of real repositories."""

import subprocess
from pathlib import Path

import pytest

from anomaliz.tracking.revision import current_revision


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    return tmp_path


def git(*arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(repository: Path) -> str:
    (repository / "settings.yaml").write_text("{}")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    return git("rev-parse", "HEAD")


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    head = commit(repository)
    revision = current_revision()
    assert revision is not None
    assert (revision.commit, revision.dirty) == (head, False)


def test_a_changed_tree_is_dirty(repository: Path) -> None:
    head = commit(repository)
    (repository / "settings.yaml").write_text("data: {}")
    revision = current_revision()
    assert revision is not None
    assert (revision.commit, revision.dirty) == (head, True)


def test_a_repository_without_commits_has_none(repository: Path) -> None:
    assert repository.is_dir()
    assert current_revision() is None


def test_a_folder_outside_any_repository_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_revision() is None


def test_a_machine_without_git_has_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repository)
    monkeypatch.setenv("PATH", "")
    assert current_revision() is None
