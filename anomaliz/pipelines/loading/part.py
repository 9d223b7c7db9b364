"""A part of a YAML file: its value, and the line on which everything in it stands."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import yaml

from anomaliz.config.yaml_file import parse_yaml_file
from anomaliz.core.errors import ConfigError

Steps: TypeAlias = tuple[str | int, ...]
"""The way from a value to one inside it: keys and positions."""


@dataclass(frozen=True, eq=False)
class Part:
    """A value in a file, with the node that it was read from."""

    value: Any
    node: yaml.Node
    file: str
    line: int
    """Of the value's key, counted from 1."""

    @classmethod
    def of_file(cls, path: Path) -> Self | None:
        """Return the whole of a file, None of an empty one.

        Raises ConfigError where it cannot be read, and where a value contains itself, which YAML allows.
        """
        node, value = parse_yaml_file(path, "pipelines")
        try:
            json.dumps(value, default=str, skipkeys=True)
        except ValueError:
            raise ConfigError(f"{path} has a value that contains itself: remove the alias") from None
        return None if node is None else cls(value, node, str(path), node.start_mark.line + 1)

    @property
    def place(self) -> str:
        """Where it stands, as in `pipelines.yaml line 7`."""
        return f"{self.file} line {self.line}"

    def child(self, step: str | int) -> "Part | None":
        """Return a mapping's value by its key or a list's by its position, None where there is none."""
        for key, line, node in self._children():
            if key == step:
                return Part(self._value(step), node, self.file, line)
        return None

    def items(self) -> "Iterator[Part]":
        """Yield the items of a list."""
        for position, line, node in self._children():
            yield Part(self._value(position), node, self.file, line)

    def find(self, steps: Steps) -> "Part | None":
        """Return what lies at the end of `steps`, None where they lead nowhere."""
        part: Part | None = self
        for step in steps:
            part = part and part.child(step)
        return part

    def _children(self) -> Iterator[tuple[str | int, int, yaml.Node]]:
        if isinstance(self.node, yaml.MappingNode):
            # What came in by a merge key, `<<`, stands before what overrides it.
            for key, node in reversed(self.node.value):
                yield str(key.value), key.start_mark.line + 1, node
        elif isinstance(self.node, yaml.SequenceNode):
            for position, node in enumerate(self.node.value):
                yield position, node.start_mark.line + 1, node

    def _value(self, step: str | int) -> Any:
        if isinstance(step, int):
            return self.value[step]
        # A key in YAML may be a number or a date.
        return next((value for key, value in self.value.items() if str(key) == step), None)
