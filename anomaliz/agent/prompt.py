"""Prompts: one file each, with its version in the first line."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

PromptName = Literal["assess", "verify"]
HEADER = "version: "


@dataclass(frozen=True)
class Prompt:
    """A system message."""

    name: str
    version: str
    text: str


@cache
def prompt(name: PromptName) -> Prompt:
    """Return the packaged prompt of this name."""
    return read_prompt(name, (files("anomaliz.agent") / "prompts" / f"{name}.md").read_text(encoding="utf-8"))


def read_prompt(name: str, text: str) -> Prompt:
    """Return the prompt in `text`, whose first line may give its version."""
    first, _, rest = text.partition("\n")
    if not first.startswith(HEADER):
        return Prompt(name, "unversioned", text.strip())
    return Prompt(name, first.removeprefix(HEADER).strip(), rest.strip())


def prompt_version() -> str:
    """Return the versions of the prompts that an explanation is made with, as in `assess-1 verify-1`."""
    names: tuple[PromptName, ...] = ("assess", "verify")
    return " ".join(f"{name}-{prompt(name).version}" for name in names)
