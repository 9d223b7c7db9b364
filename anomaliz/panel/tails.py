"""The tails of many errors at once: the mathematics of `detection/calibration.py`, one column a tail."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.types import Flags, Floats
from anomaliz.detection.calibration import LN10, MAX_SHAPE, MIN_ERRORS, MIN_EXCESSES, MIN_SHAPE, TOLERANCE
from anomaliz.models.series.feature_scale import QUANTILE

KNOTS = 24
"""Of the empirical part, evenly spaced in surprise. A single tail has up to 256, of which ten thousand series
would need gigabytes."""


@dataclass(frozen=True, eq=False)
class PanelTails:
    """The upper tails of errors `(n, ...)` under normal behaviour; NaN throughout for one with too few."""

    knots: Floats
    """`(KNOTS, ...)`, ascending to `quantile_error`."""
    knot_surprise: Floats
    """`(KNOTS, ...)`."""
    pareto: Floats
    """Quantile error, base, shape and scale, `(4, ...)`."""

    @classmethod
    def fit(cls, errors: Floats, quantile: float) -> Self:
        """Fit on `errors (n, ...)` of normal rows, NaN = none; a column of fewer than 50 gets no tail."""
        ascending = np.sort(errors, axis=0)  # NaN comes last
        n = (~np.isnan(errors)).sum(axis=0)
        there = n >= MIN_ERRORS
        n = np.where(there, n, MIN_ERRORS)
        if len(errors) < MIN_ERRORS:
            missing = np.full((KNOTS, *errors.shape[1:]), np.nan)
            return cls(missing, missing, missing[:4])
        ascending = np.where(there, ascending, 0.0)
        quantile_error = _at(ascending, np.minimum(quantile, 1 - MIN_EXCESSES / n) * (n - 1))
        pareto = _pareto(ascending, n, quantile_error)
        knots, surprise = _empirical(ascending, n, quantile_error)
        return cls(*(np.where(there, part, np.nan) for part in (knots, surprise, pareto)))

    def to_arrays(self, name: str) -> dict[str, Floats]:
        """Return what `from_arrays` reads, in single precision: there are many."""
        return {
            f"{name}/{field.name}": getattr(self, field.name).astype(np.float32) for field in fields(self)
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, Floats]) -> Self:
        """Read what `to_arrays` wrote."""
        return cls(*(arrays[f"{name}/{field.name}"].astype(np.float64) for field in fields(cls)))

    @property
    def there(self) -> Flags:
        """Which columns have a tail, `(...)`."""
        flags: Flags = np.logical_not(np.isnan(self.pareto[0]))
        return flags

    def surprise(self, errors: Floats) -> Floats:
        """Return the surprise of `errors (n, ...)`; NaN without an error or a tail."""
        quantile_error, base, shape, scale = self.pareto
        excess = np.maximum(errors - quantile_error, 0)
        beyond = base + np.log1p(shape / scale * excess) / (shape * LN10)
        above = errors > quantile_error + TOLERANCE * np.abs(quantile_error)
        surprise: Floats = np.where(above, beyond, self._interpolated(errors))
        return surprise

    def _interpolated(self, errors: Floats) -> Floats:
        reached = np.zeros(errors.shape, np.int8)
        for knot in self.knots[1:-1]:
            reached += errors >= knot
        columns = math.prod(errors.shape[1:])
        place = reached * np.intp(columns) + np.arange(columns).reshape(errors.shape[1:])
        low, bottom, slope = (np.take(part, place) for part in self._segments)
        return np.clip(bottom + slope * (errors - low), self.knot_surprise[0], self.knot_surprise[-1])

    @cached_property
    def _segments(self) -> tuple[Floats, Floats, Floats]:
        """Where each piece of the empirical part begins, its surprise there, and how steep it is."""
        width = np.diff(self.knots, axis=0)
        rise = np.diff(self.knot_surprise, axis=0)
        slope = np.divide(rise, width, out=np.zeros(rise.shape), where=width > 0)
        return self.knots[:-1], self.knot_surprise[:-1], slope


def quantiles(values: Floats, quantile: float) -> Floats:
    """Return a quantile of each column of `values (n, c)`, `(c,)`, NaNs left out; NaN of nothing else."""
    ascending = np.sort(values, axis=0)
    n = (~np.isnan(values)).sum(axis=0)
    return np.where(n > 0, _at(ascending, quantile * np.maximum(n - 1, 0)), np.nan)


def large(errors: Floats) -> Floats:
    """Return what only few of normal `errors (n, c)` exceed, `(c,)`; 0 where there is none."""
    return np.nan_to_num(quantiles(errors, QUANTILE))


def _at(ascending: Floats, position: Floats) -> Floats:
    """Return each column's value at a position `(...)` between rows."""
    below = np.floor(position).astype(np.intp)
    low, high = (
        np.take_along_axis(ascending, np.minimum(at, len(ascending) - 1)[np.newaxis], axis=0)[0]
        for at in (below, below + 1)
    )
    share = position - below
    found: Floats = np.where(share > 0, low + share * (high - low), low)
    return found


def _pareto(ascending: Floats, n: Floats, quantile_error: Floats) -> Floats:
    above = ascending > quantile_error + TOLERANCE * np.abs(quantile_error)
    count = above.sum(axis=0)
    excess = np.where(above, ascending - quantile_error, 0.0)
    mean = excess.sum(axis=0) / np.maximum(count, 1)
    variance = np.where(above, (excess - mean) ** 2, 0.0).sum(axis=0) / np.maximum(count, 1)
    square = np.divide(mean**2, variance, out=np.ones_like(mean), where=variance > 0)
    shape = np.clip(0.5 * (1 - square), MIN_SHAPE, MAX_SHAPE)
    floor = np.maximum(1e-3 * np.abs(_at(ascending, (n - 1) / 2)), 1e-12)
    base = -np.log10((count + 1) / (n + 1))
    return np.stack([quantile_error, base, shape, np.maximum(mean * (1 - shape), floor)])


def _empirical(ascending: Floats, n: Floats, quantile_error: Floats) -> tuple[Floats, Floats]:
    """Return the knots and their surprise, `(KNOTS, ...)` each."""
    rows = _upright(np.arange(len(ascending)), ascending)
    rises = np.diff(ascending, axis=0, prepend=-np.inf) > 0
    first = np.maximum.accumulate(np.where(rises, rows, 0), axis=0)  # row of the first equal value
    below = (ascending < quantile_error).sum(axis=0)
    highest = np.log10((n + 1) / (n - below + 1))
    share = 1 - 10.0 ** -(_upright(np.linspace(0, 1, KNOTS), ascending) * highest)
    at = np.minimum((share * n).astype(np.intp), np.maximum(below - 1, 0))
    knots = np.take_along_axis(ascending, at, axis=0)
    reaching = n - np.take_along_axis(first, at, axis=0)
    surprise = np.log10((n + 1) / (reaching + 1))
    knots[-1], surprise[-1] = quantile_error, highest
    return knots, surprise


def _upright(values: NDArray[Any], like: Floats) -> NDArray[Any]:
    """Return `values (n,)` with as many axes as `like` has, `(n, 1, ...)`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
