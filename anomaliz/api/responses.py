"""JSON responses, written by pydantic-core: fast, and NaN becomes null."""

from typing import Any

from pydantic_core import to_json
from starlette.responses import Response


class JSON(Response):
    """A response of plain dicts, lists, strings and numbers; a reading that is NaN is sent as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content, inf_nan_mode="null")


class ProblemJSON(JSON):
    """A problem's details (RFC 9457)."""

    media_type = "application/problem+json"
