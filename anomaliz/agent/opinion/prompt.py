"""Prompts of the second opinion: the packaged ones, or a user's own."""

import hashlib
from importlib.resources import files
from pathlib import Path

from anomaliz.agent.prompt import Prompt, read_prompt
from anomaliz.config.settings import AgentOpinion
from anomaliz.core.errors import ConfigError

DETECT = "detect"
VERIFY = "verify"


def prompt_of(step: str, opinion: AgentOpinion) -> Prompt:
    """Return the prompt for a step: that of the file that the settings name, or ours.

    The version of a user's prompt is made of its hash. Raises ConfigError for a file without a text.
    """
    path = opinion.detect_prompt if step == DETECT else opinion.verify_prompt
    if path is None:
        packaged = files("anomaliz.agent") / "prompts" / f"opinion_{step}.md"
        return read_prompt(f"opinion-{step}", packaged.read_text(encoding="utf-8"))
    text = _text_of(path, f"agent.opinion.{step}_prompt")
    return Prompt(path.name, hashlib.sha256(text.encode()).hexdigest()[:8], text)


def _text_of(path: Path, setting: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"{setting}: {path} cannot be read ({error.strerror}): give a text file", field=setting
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{setting}: {path} is not UTF-8: give a text file", field=setting) from None
    if not text:
        raise ConfigError(f"{setting}: {path} is empty: write the prompt into it", field=setting)
    return text
