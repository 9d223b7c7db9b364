"""Turns errors of any unit into surprise, by what the same detector did on held-out normal data.

Peaks over threshold (Pickands 1975; for streams Siffer et al., "Anomaly Detection in Streams with Extreme
Value Theory", KDD 2017): below a high quantile the empirical tail, above it a generalised Pareto tail whose
shape and scale come from the excesses' mean and variance (Hosking and Wallis 1987).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats

MIN_ERRORS = 50
"""Fewer held-out errors than this say nothing about a tail."""
MIN_EXCESSES = 10
MAX_KNOTS = 256
MIN_SHAPE, MAX_SHAPE = 1e-3, 0.4
"""Below, the tail is exponential for every purpose; above, few excesses would only estimate their noise."""
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
        if not np.isfinite(errors).all():
            raise DataError("calibration needs finite errors: a detector's training has diverged")
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
        return Tails([self]).surprise(errors[..., np.newaxis])[..., 0]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "knots": self.knots.tolist(), "knot_surprise": self.knot_surprise.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        arrays = {key: np.array(state[key], np.float64) for key in ("knots", "knot_surprise")}
        if not (state["shape"] > 0 and state["scale"] > 0):
            raise ValueError("a tail has a positive shape and scale")
        return cls(**{**state, **arrays})


class Tails:
    """Several tails side by side, for one pass over the errors of all."""

    def __init__(self, tails: Sequence[Tail]) -> None:
        self._bodies = [(tail.knots, tail.knot_surprise) for tail in tails]
        self._quantile_error = np.array([tail.quantile_error for tail in tails])
        self._above = np.array([_just_above(tail.quantile_error) for tail in tails])
        self._base = np.array([tail.base for tail in tails])
        self._stretch = np.array([tail.shape / tail.scale for tail in tails])
        self._growth = np.array([1 / (tail.shape * LN10) for tail in tails])

    def surprise(self, errors: Floats) -> Floats:
        """Return the surprise of `errors (..., n_tails)`, each by its own tail."""
        surprise = np.empty(errors.shape)
        for i, (knots, knot_surprise) in enumerate(self._bodies):
            surprise[..., i] = np.interp(errors[..., i], knots, knot_surprise)
        excess = np.maximum(errors - self._quantile_error, 0)
        beyond = self._base + self._growth * np.log1p(self._stretch * excess)
        return np.where(errors > self._above, beyond, surprise)


def _just_above(quantile_error: float) -> float:
    return quantile_error + TOLERANCE * abs(quantile_error)


def _empirical(errors: Floats, up_to: float) -> tuple[Floats, Floats]:
    """Return at most MAX_KNOTS distinct errors and their empirical surprise."""
    distinct = np.unique(np.append(errors[errors <= up_to], up_to))
    if len(distinct) > MAX_KNOTS:
        distinct = distinct[np.linspace(0, len(distinct) - 1, MAX_KNOTS).astype(int)]
    reaching = len(errors) - np.searchsorted(errors, distinct, side="left")
    return distinct, np.log10((len(errors) + 1) / (reaching + 1))


def _pareto(excesses: Floats, floor: float) -> tuple[float, float]:
    """Return shape and scale by the method of moments, kept to what few excesses can support."""
    mean = float(excesses.mean()) if len(excesses) else 0.0
    variance = float(excesses.var()) if len(excesses) else 0.0
    shape = 0.5 * (1 - mean**2 / variance) if variance > 0 else 0.0
    shape = min(max(shape, MIN_SHAPE), MAX_SHAPE)
    return shape, max(mean * (1 - shape), floor, 1e-12)
