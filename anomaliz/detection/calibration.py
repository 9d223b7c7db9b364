"""Turns errors of any unit into surprise, by what the same detector did on held-out normal data.

Peaks over threshold (Pickands 1975; for streams Siffer et al., "Anomaly Detection in Streams with Extreme
Value Theory", KDD 2017): below a high quantile the empirical tail, above it a generalised Pareto tail whose
shape and scale come from the excesses' mean and variance (Hosking and Wallis 1987).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats

MIN_ERRORS = 50
"""Fewer held-out errors than this say nothing about a tail."""
MIN_EXCESSES = 10
MAX_KNOTS = 256
MAX_SHAPE = 0.4
"""A heavier tail than this, on few excesses, is an estimate of noise."""
TOLERANCE = 1e-5
"""Relative error between a detector and its graph; an error this close to the quantile is not above it."""
LN10 = float(np.log(10))


@dataclass(frozen=True)
class Tail:
    """The upper tail of one error's distribution under normal behaviour.

    `knots (k,)` ascend to `quantile_error`; `knot_surprise (k,)` is -log10 of the share of normal errors
    that reach each. Above, the tail starts at `base` and has a Pareto `shape` and `scale`.
    """

    knots: Floats
    knot_surprise: Floats
    quantile_error: float
    base: float
    shape: float
    scale: float
    n: int
    """Errors it was fitted on."""

    @classmethod
    def fit(cls, errors: Floats, quantile: float = 0.95) -> Self:
        """Fit on finite `errors (n,)` of held-out normal windows; n >= 50."""
        errors = np.sort(np.asarray(errors, np.float64))
        n = len(errors)
        if n < MIN_ERRORS:
            raise DataError(
                f"calibration needs {MIN_ERRORS} held-out normal windows, got {n}: give a longer series"
            )
        quantile_error = float(np.quantile(errors, min(quantile, 1 - MIN_EXCESSES / n)))
        excesses = errors[errors > _just_above(quantile_error)] - quantile_error
        shape, scale = _pareto(excesses, floor=1e-3 * abs(float(np.median(errors))))
        knots, knot_surprise = _empirical(errors, quantile_error)
        base = -float(np.log10((len(excesses) + 1) / (n + 1)))
        return cls(knots, knot_surprise, quantile_error, base, shape, scale, n)

    def surprise(self, errors: Floats) -> Floats:
        """Return -log10 of the probability of a normal error at least as high; any shape, never negative."""
        body = np.interp(errors, self.knots, self.knot_surprise)
        excess = np.maximum(errors - self.quantile_error, 0) / self.scale
        growth = np.log1p(self.shape * excess) / self.shape if self.shape > 1e-3 else excess
        return np.where(errors > _just_above(self.quantile_error), self.base + growth / LN10, body)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "knots": self.knots.tolist(), "knot_surprise": self.knot_surprise.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        arrays = {key: np.array(state[key], np.float64) for key in ("knots", "knot_surprise")}
        return cls(**{**state, **arrays})


def _just_above(quantile_error: float) -> float:
    return quantile_error + TOLERANCE * abs(quantile_error)


def _empirical(errors: Floats, up_to: float) -> tuple[Floats, Floats]:
    """Return at most MAX_KNOTS distinct errors and their empirical surprise."""
    distinct = np.unique(np.append(errors[errors <= up_to], up_to))
    if len(distinct) > MAX_KNOTS:
        distinct = distinct[np.linspace(0, len(distinct) - 1, MAX_KNOTS).astype(int)]
    reaching = len(errors) - np.searchsorted(errors, distinct, side="left")
    return distinct, -np.log10((reaching + 1) / (len(errors) + 1))


def _pareto(excesses: Floats, floor: float) -> tuple[float, float]:
    """Return shape and scale by the method of moments, kept to what few excesses can support."""
    mean = float(excesses.mean()) if len(excesses) else 0.0
    variance = float(excesses.var()) if len(excesses) else 0.0
    shape = 0.5 * (1 - mean**2 / variance) if variance > 0 else 0.0
    shape = min(max(shape, 0.0), MAX_SHAPE)
    return shape, max(mean * (1 - shape), floor, 1e-12)
