"""Lays the sources over one another and checks the result."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from anomaliz.config.env_file import read_env_file
from anomaliz.config.environment import read_variables
from anomaliz.config.keys import KEYS
from anomaliz.config.layer import Entry, Layer, entry_of_text, layer_of_mapping, tree_of_layer
from anomaliz.config.refusal import masked, refusal
from anomaliz.config.settings import Settings
from anomaliz.config.yaml_file import DEFAULTS, read_yaml_file

ENV_FILE = Path(".env")


@dataclass(frozen=True)
class Setting:
    """An effective value and where it came from."""

    key: str
    value: object
    """As in JSON; a secret that is set is masked, and so is a password in a URL."""
    origin: str
    """`defaults.yaml`, the name of the config file, `.env: NAME`, `environment: NAME` or `command line`."""


def load_settings(
    config: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = ENV_FILE,
) -> Settings:
    """Return the effective settings.

    Sources, weakest first: the packaged defaults, the YAML file `config`, `env_file` (absent is
    empty, None is not read), `environ` (None is the process's) and `overrides`, which has the
    command line's options by dotted key (None is an option that was not given).

    Raises `ConfigError` on a source that cannot be read, an unknown key and an impossible value.
    """
    return _settings(_merged(config, overrides, environ, env_file))


def effective(
    config: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = ENV_FILE,
) -> list[Setting]:
    """Return each setting's effective value and origin; arguments and errors are `load_settings`'s."""
    layer = _merged(config, overrides, environ, env_file)
    values = shown_values(_settings(layer))
    return [Setting(dotted, value, layer[dotted].origin) for dotted, value in values.items()]


def shown_values(settings: Settings) -> dict[str, object]:
    """Return every setting's value by its dotted key, as in JSON, with secrets and passwords masked."""
    tree = settings.model_dump(mode="json")
    return {dotted: _shown(_at(tree, dotted)) for dotted in KEYS}


def _merged(
    config: Path | None,
    overrides: Mapping[str, object] | None,
    environ: Mapping[str, str] | None,
    env_file: Path | None,
) -> Layer:
    return {
        **read_yaml_file(DEFAULTS),
        **(read_yaml_file(config) if config else {}),
        **(read_env_file(env_file) if env_file else {}),
        **read_variables(os.environ if environ is None else environ, origin="environment"),
        **_options(overrides or {}),
    }


def _options(overrides: Mapping[str, object]) -> Layer:
    given = {dotted: value for dotted, value in overrides.items() if value is not None}
    layer = layer_of_mapping(given, "command line")
    return {dotted: _read(dotted, entry) for dotted, entry in layer.items()}


def _read(dotted: str, entry: Entry) -> Entry:
    return entry_of_text(dotted, entry.value, entry.origin) if isinstance(entry.value, str) else entry


def _settings(layer: Layer) -> Settings:
    try:
        return Settings(**tree_of_layer(layer))
    except ValidationError as error:
        raise refusal(error, layer) from None


def _at(tree: Mapping[str, Any], dotted: str) -> object:
    value: Any = tree
    for name in dotted.split("."):
        value = value[name]
    return value


def _shown(value: object) -> object:
    return masked(value) if isinstance(value, str) else value
