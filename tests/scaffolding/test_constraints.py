import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "constraints.txt").read_text().splitlines()
PINS = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in LINES)}


def requirements() -> list[Requirement]:
    """Return what the package and its extras ask for, other than the package itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [asked for asked in map(Requirement, texts) if asked.name != project["name"]]


def test_each_line_is_a_name_and_a_version() -> None:
    pin = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*")
    assert [line for line in LINES if not pin.fullmatch(line)] == []


def test_lines_are_sorted_and_unique() -> None:
    names = [line.partition("==")[0].lower() for line in LINES]
    assert names == sorted(names)
    assert len(PINS) == len(LINES)


@pytest.mark.parametrize("asked", requirements(), ids=str)
def test_dependency_is_pinned_to_a_version_that_it_allows(asked: Requirement) -> None:
    assert PINS[canonicalize_name(asked.name)] in asked.specifier
