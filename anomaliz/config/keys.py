"""The key of every setting, the variables that set it, and the nearest match to a key that is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from anomaliz.config.settings import Settings
from anomaliz.core.errors import ConfigError
from anomaliz.core.suggestion import nearest

PREFIX = "ANOMALIZ_"
"""How every variable of ours begins, whether or not it is a setting."""

ALIASES: Mapping[str, str] = {
    "ANOMALIZ_ARTIFACT_DIR": "artifact_dir",
    "OPENAI_API_KEY": "agent.openai_api_key",
}
"""Shorter variables, by the key they set; the full variable wins where both are set."""


@dataclass(frozen=True)
class Key:
    """The dotted name of a setting, as in `data.window_size`, and the model that holds it."""

    dotted: str
    section: type[BaseModel]

    @property
    def name(self) -> str:
        return self.dotted.rpartition(".")[2]

    @property
    def field(self) -> FieldInfo:
        return self.section.model_fields[self.name]

    @property
    def variable(self) -> str:
        """Environment variable that sets it, as in `ANOMALIZ__DATA__WINDOW_SIZE`."""
        return f"{PREFIX}_{self.dotted.replace('.', '__').upper()}"

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable that sets it, weakest first."""
        return (*(alias for alias, dotted in ALIASES.items() if dotted == self.dotted), self.variable)

    @property
    def is_list(self) -> bool:
        return get_origin(self.field.annotation) is tuple

    @property
    def is_secret(self) -> bool:
        return "SecretStr" in str(self.field.annotation)


def _keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Key]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _keys(section, f"{prefix}{name}.")
        else:
            yield Key(prefix + name, model)


def _sections(dotted: str) -> Iterator[str]:
    while dotted := dotted.rpartition(".")[0]:
        yield dotted


KEYS: Mapping[str, Key] = {key.dotted: key for key in _keys()}
"""Every setting by its dotted key, in the order of `Settings`."""
SECTIONS = tuple(dict.fromkeys(section for dotted in KEYS for section in _sections(dotted)))
VARIABLES: Mapping[str, Key] = {variable: key for key in KEYS.values() for variable in key.variables}
"""Every setting by each of its variables; an alias stands before the full variable, which overrides it."""


def unknown_key(dotted: str, *, where: str = "") -> ConfigError:
    """Return the refusal of a dotted key that is neither a setting nor a section."""
    return _unknown(dotted, nearest(dotted, [*KEYS, *SECTIONS]), where)


def unknown_variable(name: str, *, where: str = "") -> ConfigError:
    """Return the refusal of a variable that begins like ours and is no setting."""
    # Compared without the prefix that all share, which would make everything look alike.
    dotted = name.upper().removeprefix(PREFIX).strip("_").replace("__", ".").lower()
    near = nearest(dotted, KEYS)
    return _unknown(name, KEYS[near].variable if near else None, where)


def section_as_key(dotted: str, *, name: str | None = None, where: str = "") -> ConfigError:
    """Return the refusal of a value given to a whole section."""
    inside = next(key for key in KEYS if key.startswith(f"{dotted}."))
    example = KEYS[inside].variable if name else inside
    return ConfigError(
        f"{name or dotted}{where} is a section, not a setting: set {example} or another of its keys",
        field=name or dotted,
    )


def _unknown(name: str, near: str | None, where: str) -> ConfigError:
    advice = f"did you mean {near}?" if near else "'anomaliz config show' lists every setting"
    return ConfigError(f"{name}{where} is not a setting: {advice}", field=name)
