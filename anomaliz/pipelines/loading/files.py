"""The files that definitions stand in."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from anomaliz.core.errors import ConfigError

SUFFIXES = (".yaml", ".yml")


def definition_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of `paths`: files as they are, of a folder its YAML files by name; none twice.

    Raises ConfigError for a path that does not exist, and a folder without YAML files.
    """
    found = {file.resolve(): file for path in paths for file in _files(path)}
    return list(found.values())


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    try:
        # Editors and Kubernetes keep hidden copies.
        names = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.name[0] != ".")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): check who may read it") from None
    if not names:
        raise ConfigError(f"{path} holds no {' or '.join(SUFFIXES)} file: give a file of pipelines")
    yield from names
