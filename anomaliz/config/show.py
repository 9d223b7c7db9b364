"""The table that `anomaliz config show` prints."""

import json
from collections.abc import Sequence

from anomaliz.config.loading import Setting

_HEADER = ("key", "value", "origin")


def render(settings: Sequence[Setting]) -> str:
    """Return an aligned table of key, value and origin, a line for each setting under a header."""
    rows = [_HEADER, *((setting.key, _text(setting.value), setting.origin) for setting in settings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _text(value: object) -> str:
    # Text that would break the table's lines is quoted; all other text stands bare.
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)
