"""What NAB's files hold, so that a login page, which a network sends for anything, is not taken for one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeAlias

WINDOWS_FILE = "labels/combined_windows.json"
COLUMNS = ("timestamp", "value")

Windows: TypeAlias = Mapping[str, Sequence[Sequence[str]]]
"""First and last stamp of each window, by series."""


def fault_in(name: str, content: bytes) -> str | None:
    """Return what keeps `content` from being NAB's file `name`, a series unless it is the windows."""
    return _fault_in_windows(content) if name == WINDOWS_FILE else _fault_in_series(content)


def parse_windows(content: bytes) -> Windows:
    """Return the windows of a file without a fault."""
    windows: Windows = json.loads(content)
    return windows


def _fault_in_windows(content: bytes) -> str | None:
    try:
        windows = json.loads(content)
    except (ValueError, RecursionError):
        return "is not JSON"
    if not isinstance(windows, dict) or not all(map(_is_entry, windows.items())):
        return "must have lists of pairs of stamps by series"
    return None


def _is_entry(entry: tuple[str, object]) -> bool:
    path, windows = entry
    # A name becomes a place to write to, which must not lie outside the folder that was asked for.
    inside = not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    return inside and isinstance(windows, list) and all(isinstance(window, list) for window in windows)


def _fault_in_series(content: bytes) -> str | None:
    header = content.partition(b"\n")[0].decode("utf-8-sig", errors="replace")
    names = {name.strip(' "\r') for name in header.split(",")}
    missing = [column for column in COLUMNS if column not in names]
    return f"must have a column {missing[0]!r}, and commas between columns" if missing else None
