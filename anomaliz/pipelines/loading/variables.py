"""Variables of the environment that override definitions: `ANOMALIZ__PIPELINE__CPU__STEP=5m`."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from pydantic import BaseModel

from anomaliz.config.environment import PIPELINE, SINKS, SOURCES
from anomaliz.core.errors import ConfigError
from anomaliz.core.suggestion import nearest
from anomaliz.pipelines.loading.annotations import annotation_at, kinds, model_in
from anomaliz.pipelines.loading.part import Steps

BETWEEN = "__"
NOUNS = {PIPELINE: "pipeline", SOURCES: "source", SINKS: "sink"}
IDENTITY = frozenset({"name", "type"})
"""Keys that say what a definition is, which no variable changes."""

_NOT_IN_VARIABLE = re.compile(r"[^A-Z0-9_]")


@dataclass(frozen=True)
class Override:
    """A variable that gives one value of one definition."""

    variable: str
    keys: tuple[str, ...]
    """As they stand in the variable's name."""
    text: str


def overrides(prefix: str, names: Iterable[str], environ: Mapping[str, str]) -> dict[str, list[Override]]:
    """Return the variables of `environ` that begin with `prefix`, by the name that they are for.

    Raises ConfigError for one that fits none of the `names`, or several.
    """
    heads: dict[str, list[str]] = {}
    for name in names:
        heads.setdefault(_head(prefix, name), []).append(name)
    found: dict[str, list[Override]] = {}
    for variable in sorted(name for name in environ if name.startswith(prefix)):
        head = max((head for head in heads if variable.startswith(head)), key=len, default=None)
        keys = tuple(variable.removeprefix(head).lower().split(BETWEEN)) if head else ()
        if head is None or not all(keys):
            raise _unknown(variable, prefix, heads)
        if len(heads[head]) > 1:
            both = " and ".join(heads[head])
            raise ConfigError(f"{variable} is for both {both}: rename one of them", field=variable)
        found.setdefault(heads[head][0], []).append(Override(variable, keys, environ[variable]))
    return found


def with_override(tree: Any, model: type[BaseModel], override: Override) -> tuple[Any, Steps]:
    """Return a definition with one of its values replaced, and the way to that value.

    Raises ConfigError where the text cannot be read as a list or mapping, or the key cannot be changed.
    """
    if override.keys[0] in IDENTITY:
        raise ConfigError(
            f"{override.variable} cannot be set: a variable does not change {override.keys[0]}",
            field=override.variable,
        )
    steps = _steps(tree, override.keys)
    return _replaced(tree, steps, _read(annotation_at(model, steps), override)), steps


def _head(prefix: str, name: str) -> str:
    return f"{prefix}{_NOT_IN_VARIABLE.sub('_', name.upper())}{BETWEEN}"


def _unknown(variable: str, prefix: str, heads: Iterable[str]) -> ConfigError:
    noun = NOUNS[prefix]
    rest = variable.removeprefix(prefix)
    name, _, key = rest.partition(BETWEEN)
    if not key:
        example = "STEP" if prefix == PIPELINE else "URL"
        advice = f"add a key, as in {prefix}{name or 'NAME'}{BETWEEN}{example}"
        return ConfigError(f"{variable} names no key of a {noun}: {advice}", field=variable)
    near = nearest(name, [head.removeprefix(prefix).removesuffix(BETWEEN) for head in heads])
    known = ", ".join(f"{head}..." for head in heads) or "none can be set"
    advice = f"did you mean {prefix}{near}{BETWEEN}{key}?" if near else f"there is {known}"
    return ConfigError(f"{variable} names no {noun}: {advice}", field=variable)


def _steps(tree: Any, keys: tuple[str, ...]) -> Steps:
    """Return the keys as the tree spells them, where it has them: a query's name may be in capitals."""
    steps: list[str | int] = []
    for key in keys:
        spelled = [name for name in tree if _same(str(name), key)] if isinstance(tree, Mapping) else []
        steps.append(spelled[0] if spelled else key)
        tree = tree[spelled[0]] if spelled else None
    return tuple(steps)


def _same(name: str, key: str) -> bool:
    return _NOT_IN_VARIABLE.sub("_", name.upper()).lower() == key


def _read(annotation: Any, override: Override) -> Any:
    """Return the text as what the field's type needs; numbers and durations are read by the field itself."""
    text, allowed = override.text.strip(), set(kinds(annotation))
    if NoneType in allowed and text in ("", "null"):
        return None
    is_list = tuple in allowed
    if model_in(annotation) or dict in allowed or (is_list and text.startswith("[")):
        return _json(text, override)
    if is_list:
        return [item.strip() for item in text.split(",")] if text else []
    return _number(text) if float in allowed else override.text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # a duration, or refused with its key


def _json(text: str, override: Override) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        example = f"{override.variable}{BETWEEN}KEY"
        raise ConfigError(
            f"{override.variable} is not JSON: give JSON, or one value by {example}", field=override.variable
        ) from None


def _replaced(tree: Any, steps: Steps, value: Any) -> Any:
    if not steps:
        return value
    branch = tree if isinstance(tree, Mapping) else {}
    return {**branch, steps[0]: _replaced(branch.get(steps[0]), steps[1:], value)}
