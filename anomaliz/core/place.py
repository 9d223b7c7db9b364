"""Where a bundle is: in a folder, or in a registry of models under a URI."""

import re
from pathlib import Path
from typing import TypeAlias

from anomaliz.core.errors import ConfigError

FORMS = "models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN_ID/PATH"


class RegistryUri(str):
    """A URI of one of the `FORMS`. What it stands for may change: an alias is moved."""

    __slots__ = ()


Place: TypeAlias = Path | RegistryUri

# A folder may have a colon in its name, though not before a slash.
_ANY_URI = re.compile(r"(models|runs):|[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_PART = r"(?!\.\.?(/|$))[^/?#%]+"
_REGISTRY_URI = re.compile(rf"models:/[^/:@?#%]+(@[\w-]+|/\d{{1,9}})|runs:/\w+(/{_PART})+")


def place_of(text: str) -> Place:
    """Return the place that `text` names; raises ConfigError for a URI of another form and empty text."""
    text = text.strip()
    if not text:
        raise ConfigError(f"an empty text names no bundle: give a folder, {FORMS}")
    if _ANY_URI.match(text):
        if not _REGISTRY_URI.fullmatch(text):
            raise ConfigError(f"{text} is not the URI of a bundle: give {FORMS}")
        return RegistryUri(text)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{text} is in the home of nobody known here: give the whole path") from None
