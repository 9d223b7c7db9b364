"""The documentation names everything that a user can call."""

from pathlib import Path

import pytest
import typer.main

from anomaliz.api.main import create_app
from anomaliz.cli import app
from anomaliz.config.settings import Settings

README = (Path(__file__).parents[1] / "README.md").read_text()


def verbs() -> list[str]:
    """Every command, nested ones with their group: `bundle show`."""
    root = typer.main.get_command(app)
    found = []
    for name, command in root.commands.items():
        nested = getattr(command, "commands", None)
        found += [f"{name} {inner}" for inner in nested] if nested else [name]
    return found


@pytest.mark.parametrize("verb", verbs())
def test_readme_names_every_verb(verb: str) -> None:
    assert f"anomaliz {verb}" in README


def test_readme_names_every_route(settings: Settings) -> None:
    document = create_app(settings).openapi()
    routes = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    missing = {route for route in routes if f"`{route}`" not in README}
    assert routes
    assert not missing
