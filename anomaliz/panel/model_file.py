"""A panel model as bytes: arrays, and JSON for the rest."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from anomaliz.core.archive import pack, unpack
from anomaliz.core.errors import BundleError
from anomaliz.panel.learnt import LearntSeries

FORMAT = 2
UNREADABLE = "the model cannot be read: train it again"
FACTS = "facts"
BY_COLUMN, BY_SERIES = "column/", "series/"


def dump(facts: Mapping[str, Any], learnt: LearntSeries) -> bytes:
    """Return what `load` reads."""
    arrays = {BY_COLUMN + name: array for name, array in learnt.by_column.items()}
    arrays |= {BY_SERIES + name: array for name, array in learnt.by_series.items()}
    arrays[FACTS] = np.frombuffer(json.dumps({"format": FORMAT, **facts}).encode(), np.uint8)
    return pack(arrays)


def load(content: bytes) -> tuple[dict[str, Any], LearntSeries]:
    """Return the facts and what was learnt; BundleError for what is no model, or one of another format."""
    try:
        arrays = unpack(content)
        facts = json.loads(arrays.pop(FACTS).tobytes())
        if facts.pop("format") != FORMAT:
            raise BundleError("the model is of another format than this release reads: train it again")
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BundleError(UNREADABLE) from None
    return facts, LearntSeries(_of(BY_COLUMN, arrays), _of(BY_SERIES, arrays))


def _of(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
