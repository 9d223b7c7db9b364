"""The normalizer: puts every feature on the scale of its training range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.types import Flags, Floats

CLIP_LOW = -4.0
CLIP_HIGH = 5.0
"""How many training ranges outside the training range a value can be before it is cut off."""

LARGEST = 1e300
"""Magnitude that training values must not exceed, so that no range overflows."""
SMALLEST_SPAN = 1e-30
"""A range below this, or below `ROUNDING` of the magnitude, is a constant: float32 cannot divide by it."""
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class RangeNormalizer:
    """Maps each feature's training range to [0, 1]."""

    low: Floats
    """Training minimum, `(n_features,)`."""
    span: Floats
    """Training range, `(n_features,)`, > 0."""

    @classmethod
    def fit(cls, values: Floats, features: Sequence[str] | None = None) -> Self:
        """Learn the range of each feature of `values (n, n_features)`, NaN left out.

        A constant feature gets a tenth of its value as range, at least 0.01. `features` only name
        columns in errors. Raises DataError for no rows, a feature without values, and values that
        are infinite or beyond 1e300.
        """
        values = np.asarray(values, dtype=np.float64)
        if not len(values):
            raise DataError("the normalizer cannot be fitted on no rows")
        names = features or [f"number {i + 1}" for i in range(values.shape[1])]
        _refuse(np.isnan(values).all(axis=0), names, "has no values: drop the column")
        _refuse((np.abs(values) > LARGEST).any(axis=0), names, f"has values beyond {LARGEST:g}: rescale it")
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        return cls(low, _span(low, high))

    def transform(self, values: Floats) -> NDArray[np.float32]:
        """Return `values (..., n_features)` in training ranges, clipped to [-4, 5]; NaN stays NaN."""
        values = np.asarray(values, dtype=np.float64)
        self._require_features(values)
        # A client may send 1e308: too far to subtract from, and clipped all the same.
        with np.errstate(over="ignore"):
            ranges = (values - self.low) / self.span
        return np.clip(ranges, CLIP_LOW, CLIP_HIGH).astype(np.float32)

    def invert(self, ranges: Floats) -> Floats:
        """Return the values `(..., n_features)` of which `transform` makes `ranges`."""
        values: Floats = ranges * self.span + self.low
        return values

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, exactly."""
        return {"low": self.low.tolist(), "span": self.span.tolist()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; raises BundleError for anything else."""
        try:
            low, span = (np.array(content[key], dtype=np.float64) for key in ("low", "span"))
        except (KeyError, TypeError, ValueError):
            raise BundleError("the normalizer must have numbers 'low' and 'span': train again") from None
        if (
            low.ndim != 1
            or low.shape != span.shape
            or not (np.isfinite(low) & np.isfinite(span) & (span > 0)).all()
        ):
            raise BundleError(
                "the normalizer's 'low' and 'span' must be finite and alike in length: train again"
            )
        return cls(low, span)

    def _require_features(self, values: Floats) -> None:
        if values.shape[-1:] != self.low.shape:
            raise DataError(f"the normalizer takes {len(self.low)} features, got shape {values.shape}")


def _span(low: Floats, high: Floats) -> Floats:
    magnitude = np.maximum(np.abs(low), np.abs(high))
    constant = high - low < np.maximum(ROUNDING * magnitude, SMALLEST_SPAN)
    return np.where(constant, np.maximum(0.1 * magnitude, 0.01), high - low)


def _refuse(faulty: Flags | np.bool_, names: Sequence[str], fault: str) -> None:
    if faulty.any():
        name = names[int(np.argmax(faulty))]
        raise DataError(f"feature {name} {fault}", field=name)
