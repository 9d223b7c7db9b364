"""Secrets are not written into definitions: what is secret is a reference."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

from anomaliz.pipelines.loading.annotations import is_secret, model_in
from anomaliz.pipelines.loading.part import Steps
from anomaliz.pipelines.loading.references import REFERENCE

URL, HEADERS = "url", "headers"

_SECRET_NAME = re.compile(r"pass|secret|token|key|auth|cookie|credential", re.IGNORECASE)
_REFERRED = "REFERENCE"


def literal_secrets(model: type[BaseModel], given: Mapping[Any, Any]) -> Iterator[Steps]:
    """Yield the way to each value in `given`, of a system's settings, that is secret and no reference."""
    for name, value in given.items():
        field = model.model_fields.get(name) if isinstance(name, str) else None
        if field is None or value is None:
            continue
        inner = model_in(field.annotation)
        if inner and isinstance(value, Mapping):
            yield from ((name, *steps) for steps in literal_secrets(inner, value))
        elif is_secret(field.annotation):
            yield from _literal(name, value)


def _literal(name: str, value: object) -> Iterator[Steps]:
    if isinstance(value, Mapping):
        # Any header may be a secret, but most are not.
        entries = (key for key in value if name != HEADERS or _SECRET_NAME.search(str(key)))
        yield from ((name, str(key)) for key in entries if not REFERENCE.search(str(value[key])))
    elif name == URL:
        if _has_literal_password(str(value)):
            yield (name,)
    elif not REFERENCE.search(str(value)):
        yield (name,)


def _has_literal_password(url: str) -> bool:
    try:
        address = urlsplit(REFERENCE.sub(_REFERRED, url))
    except ValueError:
        return "@" in url  # it cannot be read, so nobody knows
    parameters = [value for key, value in parse_qsl(address.query) if _SECRET_NAME.search(key)]
    return any(secret and _REFERRED not in secret for secret in [address.password, *parameters])
