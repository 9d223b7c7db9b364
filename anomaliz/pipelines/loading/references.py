"""References in values: `${NAME}`, a variable of the environment, and `${file:/run/secrets/name}`."""

import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from anomaliz.core.suggestion import suggestion
from anomaliz.pipelines.loading.part import Steps

REFERENCE = re.compile(r"(?<!\$)\$\{(?:file:(?P<file>[^${}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))\}")
FORM = "${NAME} or ${file:/run/secrets/name}"

_ANY = re.compile(r"\$?\$\{[^${}]*\}?")
_ESCAPED = "$${"


class BrokenReferenceError(Exception):
    """A reference that cannot be followed; its text is a sentence."""

    def __init__(self, message: str, steps: Steps) -> None:
        super().__init__(message)
        self.steps = steps
        """The way to the value that it stands in."""


def expanded(value: Any, environ: Mapping[str, str], kept: Container[Steps] = (), steps: Steps = ()) -> Any:
    """Return `value`, a text or what holds texts, with its references replaced; `$${` is a plain `${`.

    What lies at the end of one of the ways `kept` stays as it is. Raises BrokenReferenceError.
    """
    if steps in kept:
        return value
    if isinstance(value, str):
        try:
            return _ANY.sub(lambda match: _replaced(match.group(), environ), value)
        except ValueError as error:
            raise BrokenReferenceError(str(error), steps) from None
    if isinstance(value, Mapping):
        return {key: expanded(item, environ, kept, (*steps, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [expanded(item, environ, kept, (*steps, position)) for position, item in enumerate(value)]
    return value


def _replaced(text: str, environ: Mapping[str, str]) -> str:
    if text.startswith(_ESCAPED):
        return text[1:]
    match = REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no reference: give {FORM}, and $${{ for a plain ${{")
    if match["file"]:
        return _content(match["file"])
    if match["name"] not in environ:
        near = suggestion(match["name"], environ)
        raise ValueError(f"the variable {match['name']} is not set{near}: set it, or give {FORM}")
    return environ[match["name"]]


def _content(name: str) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the file {name} cannot be read ({reason}): check the path") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {name} is not text: save it as UTF-8") from None
