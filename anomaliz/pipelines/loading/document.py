"""A file of definitions, taken apart: defaults, pipelines, sources, sinks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from anomaliz.core.errors import ConfigError
from anomaliz.core.suggestion import nearest
from anomaliz.pipelines.definition import definition_name
from anomaliz.pipelines.loading.part import Part
from anomaliz.pipelines.loading.refusal import plain, shown

DEFAULTS, PIPELINES, SOURCES, SINKS = "defaults", "pipelines", "sources", "sinks"
SECTIONS = {DEFAULTS: "a mapping", PIPELINES: "a list", SOURCES: "a mapping", SINKS: "a mapping"}
SHAPES: Mapping[str, type[Any]] = {"a mapping": dict, "a list": list}


@dataclass(frozen=True, eq=False)
class Named:
    """A definition and the name that it has."""

    name: str
    part: Part


@dataclass(frozen=True, eq=False)
class Document:
    """A file of definitions."""

    defaults: Part | None
    pipelines: tuple[Named, ...]
    sources: tuple[Named, ...]
    sinks: tuple[Named, ...]

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return what a file defines; ConfigError, with its line, for what is no definition."""
        whole = Part.of_file(path)
        if whole is None or not isinstance(whole.value, dict):
            raise ConfigError(
                f"{path} is not a mapping of definitions: write 'pipelines:' and a list of them"
            )
        sections = {str(key): _section(str(key), whole) for key in whole.value}
        return cls(
            sections.get(DEFAULTS),
            tuple(_pipelines(sections.get(PIPELINES))),
            tuple(_systems(sections.get(SOURCES), "source")),
            tuple(_systems(sections.get(SINKS), "sink")),
        )


def _section(key: str, whole: Part) -> Part | None:
    part = whole.child(key) or whole
    if key not in SECTIONS:
        near = nearest(key, SECTIONS)
        advice = f"did you mean {near}?" if near else f"it takes {', '.join(SECTIONS)}"
        raise ConfigError(f"{part.place}: {shown(key)} is no key of a file of pipelines: {advice}", field=key)
    if part.value is None:  # everything in it is commented out
        return None
    if not isinstance(part.value, SHAPES[SECTIONS[key]]):
        raise ConfigError(f"{part.place}: {key} must be {SECTIONS[key]}", field=key)
    return part


def _pipelines(section: Part | None) -> Iterator[Named]:
    for part in section.items() if section else ():
        if not isinstance(part.value, dict):
            raise ConfigError(f"{part.place}: a pipeline must be a mapping with a name", field=PIPELINES)
        if "name" not in part.value:
            raise ConfigError(f"{part.place}: the pipeline has no name: give it one", field="name")
        yield _named(part, part.value["name"], "pipeline")


def _systems(section: Part | None, noun: str) -> Iterator[Named]:
    for name in section.value if section else ():
        part = section and section.child(str(name))
        if part is None or not isinstance(part.value, dict):
            place = part.place if part else ""
            raise ConfigError(
                f"{place}: {noun} {plain(str(name))} must be a mapping with a type", field=str(name)
            )
        yield _named(part, name, noun)


def _named(part: Part, name: object, noun: str) -> Named:
    place = part.child("name") or part
    try:
        if not isinstance(name, str):
            raise ValueError("must be a text: quote it")
        return Named(definition_name(name), part)
    except ValueError as error:
        raise ConfigError(f"{place.place}: name of {noun} {shown(name)} {error}", field="name") from None
