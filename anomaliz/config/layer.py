"""A layer: what one source sets. A stronger layer is laid over a weaker one, key by key."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from anomaliz.config.keys import KEYS, SECTIONS, section_as_key, unknown_key
from anomaliz.core.errors import ConfigError


@dataclass(frozen=True)
class Entry:
    """A value as it was given, and where."""

    value: object
    origin: str


Layer: TypeAlias = Mapping[str, Entry]
"""Entries by dotted key."""


def entry_of_text(dotted: str, text: str, origin: str) -> Entry:
    """Return the entry of a key that was given as text: a list is JSON, or its items between commas."""
    return Entry(_items(text.strip()) if KEYS[dotted].is_list else text, origin)


def layer_of_mapping(tree: Mapping[Any, object], source: str) -> Layer:
    """Flatten a nested mapping of settings.

    Raises `ConfigError` on a key that is no setting, a section that is no mapping, and a key given twice.
    """
    layer: dict[str, Entry] = {}
    for dotted, value in _leaves(tree, "", f" in {source}"):
        if dotted in layer:
            raise ConfigError(f"{dotted} is given twice in {source}: keep one", field=dotted)
        layer[dotted] = Entry(value, source)
    return layer


def tree_of_layer(layer: Layer) -> dict[str, Any]:
    """Return the values of a layer, nested by section."""
    tree: dict[str, Any] = {}
    for dotted, entry in layer.items():
        *sections, name = dotted.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = entry.value
    return tree


def _items(text: str) -> object:
    if not text:
        return []
    if not text.startswith("["):
        return [item.strip() for item in text.split(",")]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text  # refused with its key and origin, as every value of a wrong type is


def _leaves(tree: Mapping[Any, object], prefix: str, where: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        dotted = f"{prefix}{name}"
        if dotted in KEYS:
            yield dotted, value
        elif dotted not in SECTIONS:
            raise unknown_key(dotted, where=where)
        elif isinstance(value, Mapping):
            yield from _leaves(value, f"{dotted}.", where)
        elif value is not None:  # a section whose keys are all commented out reads as None
            raise section_as_key(dotted, where=where)
