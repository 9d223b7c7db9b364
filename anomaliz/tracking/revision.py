"""The git revision of the folder in which training runs."""

import subprocess
from dataclasses import dataclass

SECONDS = 10
"""A repository on a slow disk is not waited for longer."""


@dataclass(frozen=True)
class Revision:
    """A commit, and whether the working tree differs from it."""

    commit: str
    dirty: bool


def current_revision() -> Revision | None:
    """Return the working directory's revision; None outside a repository, without commits, or without git."""
    try:
        commit = _git("rev-parse", "--verify", "HEAD")
        return Revision(commit, dirty=bool(_git("status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=SECONDS)
    return done.stdout.strip()
