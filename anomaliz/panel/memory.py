"""The short memory of each series' surprise."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from anomaliz.core.archive import pack, unpack
from anomaliz.core.errors import BundleError
from anomaliz.core.labels import Labels
from anomaliz.core.types import Floats
from anomaliz.detection.series_profile import SCORE_HALF_LIFE
from anomaliz.detection.smoothing import MOST_REMEMBERED

DECAY = 0.5 ** (1 / SCORE_HALF_LIFE)
MOST_CARRIED = 2.0
"""Fused surprise that a row leaves to the rows after it at most."""
Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Memory:
    """The smoothed third power of each series' fused surprise, up to the last row that was scored."""

    power: dict[Key, float]

    @classmethod
    def load(cls, content: bytes | None) -> Self:
        """Read what `dump` wrote; None is no memory. Raises BundleError for anything else."""
        if content is None:
            return cls({})
        try:
            arrays = unpack(content)
            labels, power = json.loads(arrays["labels"].tobytes()), arrays["power"].tolist()
            return cls(dict(zip((tuple(map(tuple, pairs)) for pairs in labels), power, strict=True)))
        except (KeyError, TypeError, ValueError):
            raise BundleError("the scoring memory cannot be read: begin without one") from None

    def dump(self) -> bytes:
        labels = np.frombuffer(json.dumps(list(self.power)).encode(), np.uint8)
        return pack({"labels": labels, "power": np.array(list(self.power.values()))})

    def of(self, labels: Sequence[Labels]) -> Floats:
        """Return what is remembered of each series, `(k,)`; 0 of one that begins."""
        return np.array([self.power.get(key(one), 0.0) for one in labels])

    def updated(self, labels: Sequence[Labels], power: Floats) -> Self:
        """Return the memory with these series' `power (k,)`; the others' stays."""
        return type(self)(self.power | dict(zip(map(key, labels), power.tolist(), strict=True)))


def key(labels: Labels) -> Key:
    return tuple(sorted(labels.items()))


def remembered(fused: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Return the power means of `fused (n, k)`, at most twice the row's own, and the memory after them.

    As `detection.smoothing.remembered` of each column, but that a row counts for those after it at most as
    MOST_CARRIED: one alone does not lift them over the threshold.
    """
    means, state = np.empty(fused.shape), before
    carried = np.minimum(fused, MOST_CARRIED)
    for row, (power, left) in enumerate(zip(_cubed(fused), _cubed(carried), strict=True)):
        known = ~np.isnan(power)
        means[row] = np.where(known, DECAY * state + (1 - DECAY) * power, state)
        state = np.where(known, DECAY * state + (1 - DECAY) * left, state)
    return np.minimum(np.cbrt(means), MOST_REMEMBERED * fused), state


def _cubed(values: Floats) -> Floats:
    return values * values * values
