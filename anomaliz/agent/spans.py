"""OpenTelemetry spans, where its API is installed; what collects them is the process's affair."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

Attribute = str | int | float | bool


class Span(Protocol):
    """As much of a span as is used."""

    def set_attribute(self, key: str, value: Attribute) -> object: ...


class _NoSpan:
    def set_attribute(self, key: str, value: Attribute) -> None:
        """Tell nobody."""


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[Span]:
    """Have a span of this name while the block runs; attributes are named `anomaliz.…`."""
    tracer = _tracer()
    if tracer is None:
        yield _NoSpan()
        return
    named = {f"anomaliz.{key}": value for key, value in attributes.items()}
    with tracer.start_as_current_span(name, attributes=named) as started:
        yield started


@cache
def _tracer() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("anomaliz")
