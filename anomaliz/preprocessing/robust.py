"""The robust normaliser: every feature in spreads from its median."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats

SIGMA = 1.4826
"""Median absolute deviations in a standard deviation of Gaussian values."""
LEAST_SHARE = 0.3
"""Of the standard deviation: the spread of a series that mostly stands still is not zero."""
FARTHEST = 1000.0
"""Spreads at which a value is cut off, so that squares stay finite."""


@dataclass(frozen=True, eq=False)
class RobustNormalizer:
    """Maps each feature's training median to 0 and its spread to 1."""

    centre: Floats
    """`(n_features,)`."""
    spread: Floats
    """`(n_features,)`, > 0."""

    @classmethod
    def fit(cls, values: Floats) -> Self:
        """Learn from `values (n, n_features)`, NaN left out; DataError for a feature without values.

        The spread is the median absolute deviation as a standard deviation, at least 0.3 of the standard
        deviation itself; a constant feature gets a tenth of its value, at least 0.01.
        """
        if not len(values) or np.isnan(values).all(axis=0).any():
            raise DataError("the normaliser needs a value of every feature")
        centre = np.nanmedian(values, axis=0)
        constant = np.maximum(0.1 * np.abs(centre), 0.01)
        # Over the largest deviation, whose square would overflow.
        largest = np.maximum(np.nanmax(np.abs(values - centre), axis=0), constant)
        deviations = (values - centre) / largest
        deviation = SIGMA * np.nanmedian(np.abs(deviations), axis=0)
        spread = largest * np.maximum(deviation, LEAST_SHARE * np.nanstd(deviations, axis=0))
        return cls(centre, np.where(spread > 1e-12 * constant, spread, constant))

    def transform(self, values: Floats) -> Floats:
        """Return `values (..., n_features)` in spreads from the median, clipped to [-1000, 1000]."""
        with np.errstate(over="ignore"):
            spreads = (values - self.centre) / self.spread
        clipped: Floats = np.clip(spreads, -FARTHEST, FARTHEST)
        return clipped

    def invert(self, spreads: Floats) -> Floats:
        """Return what `transform` was given."""
        values: Floats = spreads * self.spread + self.centre
        return values

    def to_json(self) -> dict[str, Any]:
        return {"centre": self.centre.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        centre, spread = (np.array(state[key], np.float64) for key in ("centre", "spread"))
        if centre.ndim != 1 or centre.shape != spread.shape:
            raise ValueError("every feature has one centre and one spread")
        if not (np.isfinite(centre) & np.isfinite(spread) & (spread > 0)).all():
            raise ValueError("centres and spreads are finite, and spreads above 0")
        return cls(centre, spread)
