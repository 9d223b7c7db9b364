"""Settings of a run: a bundle's stand where defaults would."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anomaliz.bundle.manifest import METADATA_FILE, read_whole
from anomaliz.config.keys import KEYS
from anomaliz.config.loading import effective, load_settings
from anomaliz.config.settings import Settings
from anomaliz.config.yaml_file import DEFAULTS
from anomaliz.core.errors import BundleError, ConfigError


def settings_of(config: Path | None = None, bundle: Path | None = None) -> Settings:
    """Return the effective settings, with those that `bundle` was trained with in place of the defaults.

    Nothing else of the bundle is used. What `config`, `.env` or the environment set still holds. Raises
    ConfigError for bad settings, and BundleError for a bundle that is damaged or of other settings.
    """
    if bundle is None:
        return load_settings(config)
    given = {setting.key for setting in effective(config) if setting.origin != DEFAULTS.name}
    stored = json.loads(read_whole(bundle)[2][METADATA_FILE])["settings"]
    try:
        overrides = {key: value for key, value in _leaves(stored) if key not in given}
        return load_settings(config, overrides=overrides)
    except ConfigError as error:
        raise BundleError(f"{bundle} has settings of another release ({error}): train it again") from None


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in KEYS:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value
