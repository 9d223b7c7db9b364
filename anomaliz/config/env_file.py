"""Settings from the `.env` file of the working directory."""

from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from anomaliz.config.environment import read_variables
from anomaliz.config.keys import ALIASES, PREFIX
from anomaliz.config.layer import Layer
from anomaliz.core.errors import ConfigError


def read_env_file(path: Path) -> Layer:
    """Return the settings in a `.env` file, none when there is no file.

    Raises `ConfigError` when the file cannot be read, or a line of ours is not `NAME=value` or no setting.
    """
    return read_variables(env_file_variables(path), origin=path.name, where=f" in {path.name}")


def env_file_variables(path: Path) -> dict[str, str]:
    """Return every variable in a `.env` file, other programs' too; errors are `read_env_file`'s."""
    if not path.is_file():
        return {}
    text = _text(path)
    _refuse_malformed(text, path.name)
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): mend its permissions or remove it"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text: save it as UTF-8") from None


def _refuse_malformed(text: str, source: str) -> None:
    # Lines that are not ours may have any form: the file is other programs' too.
    for binding in parse_stream(StringIO(text)):
        statement = binding.original.string.lstrip()
        ours = statement.removeprefix("export ").lstrip().startswith((PREFIX, *ALIASES))
        if ours and binding.value is None:
            # The parser counts the blank lines before a statement to it.
            line = binding.original.line + binding.original.string.removesuffix(statement).count("\n")
            raise ConfigError(f"{source} line {line} gives its variable no value: write it as NAME=value")
