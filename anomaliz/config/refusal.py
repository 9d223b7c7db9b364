"""Says of a value that a setting cannot have: which, from where, and what is allowed instead."""

import re
from collections.abc import Callable, Mapping
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

from anomaliz.config.keys import KEYS, Key
from anomaliz.config.layer import Layer
from anomaliz.core.errors import ConfigError
from anomaliz.core.place import FORMS

MASK = "**********"
"""What is shown of a secret."""

_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+@")

_short = Repr()
_short.maxstring = _short.maxother = 80


def refusal(error: ValidationError, layer: Layer) -> ConfigError:
    """Return the first fault that validation found in a complete layer, as one sentence."""
    key = _key(error.errors(include_url=False, include_input=False)[0]["loc"])
    entry = layer[key.dotted]
    value = MASK if key.is_secret else _short.repr(entry.value)
    return ConfigError(
        f"{key.dotted} cannot be {value} (from {entry.origin}): give {allowed(key)}", field=key.dotted
    )


def masked(text: str) -> str:
    """Return `text` without the passwords of the URLs in it."""
    return _PASSWORD.sub(rf"\1:{MASK}@", text)


def allowed(key: Key) -> str:
    """Return what values a setting can have, as in "a whole number from 2 to 60"."""
    return _described(key.section.model_json_schema()["properties"][key.name])


def _key(location: tuple[int | str, ...]) -> Key:
    """Return the setting that a place in the tree belongs to, which may be an item of its list."""
    for end in range(len(location), 0, -1):
        if key := KEYS.get(".".join(map(str, location[:end]))):
            return key
    raise LookupError(f"no setting is at {location}")


def _described(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_described(option) for option in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    return _DESCRIBED[schema["type"]](schema)


def _number(noun: str, schema: Mapping[str, Any]) -> str:
    limits = [f"{words} {schema[name]:.10g}" for name, words in _LIMITS.items() if name in schema]
    return " ".join([noun, *limits])


def _text(schema: Mapping[str, Any]) -> str:
    plain = "a text of letters, digits, '.', '_' and '-'" if "pattern" in schema else "a non-empty text"
    return _FORMATS.get(schema.get("format", ""), plain)


def _list(schema: Mapping[str, Any]) -> str:
    length = "one or more" if schema.get("minItems") else "any number of"
    items = _ITEMS.get(schema["items"].get("format", ""), "non-empty texts")
    return f"a list of {length} {items}{', none twice' if schema.get('uniqueItems') else ''}"


_LIMITS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "and below"}
_FORMATS = {
    "path": "a path",
    "place": f"a path, {FORMS}",
    "url": "an http:// or https:// URL",
    "executor": "processes, or dask://HOST:PORT",
}
_ITEMS = {"price": "prices, each MODEL=INPUT/OUTPUT"}
_DESCRIBED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "integer": lambda schema: _number("a whole number", schema),
    "number": lambda schema: _number("a number", schema),
    "string": _text,
    "array": _list,
    "boolean": lambda _: "true or false",
    "null": lambda _: "null",
}
