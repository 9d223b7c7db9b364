import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_commands_are_the_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^\| `make ([a-z-]+)` \|", README, re.MULTILINE) == targets


def test_linked_files_exist() -> None:
    linked = set(re.findall(r"\]\(([^):#]+)\)", README))
    assert linked
    assert {name for name in linked if not (ROOT / name).exists()} == set()
