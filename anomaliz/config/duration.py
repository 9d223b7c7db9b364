"""Durations as people write them: `30s`, `5m`, `1h30m`, `7d`."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

SECONDS_IN = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PARTS = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means; ValueError where it is no duration."""
    if not _PARTS.fullmatch(text.strip()):
        raise ValueError(f"must be a duration such as 30s, 5m or 1h30m, got {text!r}")
    return sum(float(number) * SECONDS_IN[unit] for number, unit in _PART.findall(text))


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


_Text = Annotated[str, Field(pattern=rf"^\s*{_PARTS.pattern}\s*$")]
_Above = Annotated[float, Field(gt=0)] | _Text
_From = Annotated[float, Field(ge=0)] | _Text

Seconds = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=_Above), Field(gt=0)]
"""A setting in seconds, given as a number of them or as a duration."""
SecondsOrZero = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=_From), Field(ge=0)]
"""The same, which may be 0."""
