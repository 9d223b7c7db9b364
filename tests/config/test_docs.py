"""`docs/settings.md` has every setting, with its variable, default, limits and meaning."""

import json
from pathlib import Path

import pytest

from anomaliz.config.environment import NOT_SETTINGS
from anomaliz.config.keys import ALIASES, KEYS, Key
from anomaliz.config.refusal import allowed
from anomaliz.config.yaml_file import DEFAULTS, read_yaml_file

DOCS = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = {line.split("`")[1]: line for line in DOCS.splitlines() if line.startswith("| `")}


def expected_row(key: Key) -> str:
    default = read_yaml_file(DEFAULTS)[key.dotted].value
    shown = default if isinstance(default, str) else json.dumps(default)
    variables = ", ".join(f"`{variable}`" for variable in reversed(key.variables))
    return f"| `{key.dotted}` | {variables} | `{shown}` | {key.field.description} Allowed: {allowed(key)}. |"


@pytest.mark.parametrize("dotted", KEYS)
def test_each_setting_is_documented(dotted: str) -> None:
    assert ROWS.get(dotted) == expected_row(KEYS[dotted])


def test_nothing_else_is_documented() -> None:
    assert list(ROWS) == list(KEYS)


def test_each_variable_that_is_special_is_documented() -> None:
    assert all(f"`{name}`" in DOCS for name in [*ALIASES, *NOT_SETTINGS])
