"""Shapes: what the newest values of one feature look like, by rules."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from anomaliz.core.types import Floats

ShapeKind = Literal["spike", "drop", "level_shift", "drift", "flat_line", "variance_change", "unknown"]
SHAPE_KINDS: tuple[ShapeKind, ...] = get_args(ShapeKind)

LONGEST = 60
"""Newest values that are looked at: what was before belongs to other hours of the day."""
FEWEST = 5
SHORT = 3
"""Rows up to which a new level is a spike or a drop."""
FEWEST_OF_TREND = 4
FEWEST_OF_SPREAD = 4
FEWEST_EQUAL = 4
LEAST_VARIANCE = 1e-8
"""Of values scaled to a range of 1, what is told from none: rounding must not decide."""


@dataclass(frozen=True)
class Shape:
    """What the values do in their newest rows."""

    kind: ShapeKind
    rows: int
    """How many of the newest rows are of the shape; 0 where that is unknown."""
    before: float
    """Mean, for a change of variance standard deviation, of the rows before; NaN where there are none."""
    after: float
    """The same of the newest rows; of a drift, where it has got to."""


UNKNOWN = Shape("unknown", 0, np.nan, np.nan)


def shape_of(values: Floats) -> Shape:
    """Return the shape of `values (n,)`, oldest first; NaN = missing.

    A constant, a step, a ramp and a change of variance are fitted at every place where one could begin, and
    the one of least BIC wins: each has to earn its parameters. Equal values at the end are looked for first.
    """
    values = values[np.isfinite(values)][-LONGEST:]
    if len(values) < FEWEST:
        return UNKNOWN
    # In units of the largest, so that no square overflows.
    unit = float(np.abs(values).max()) or 1.0
    shape = _flat_line(values / unit) or _best_fit(values / unit)
    return replace(shape, before=shape.before * unit, after=shape.after * unit)


def _flat_line(values: Floats) -> Shape | None:
    ends = np.flatnonzero(np.diff(values)) + 1
    runs = np.diff([0, *ends, len(values)])
    rows = int(runs[-1])
    # A metric that only takes a few values repeats itself all the time.
    usual = int(runs[:-1].max(initial=0))
    if rows < max(FEWEST_EQUAL, 2 * usual + 1):
        return None
    earlier = values[:-rows]
    before = float(earlier.mean()) if len(earlier) else np.nan
    return Shape("flat_line", rows, before, float(values[-1]))


def _best_fit(values: Floats) -> Shape:
    n = len(values)
    # Sums of squares of large numbers would lose what tells them apart.
    scaled = (values - np.median(values)) / np.ptp(values)
    fits = {"constant": _constant(scaled), "step": _steps(scaled), "ramp": _ramps(scaled)}
    fits["spread"] = _spreads(scaled)
    starts = {name: int(np.argmin(bics)) for name, bics in fits.items()}
    name = min(fits, key=lambda name: float(fits[name][starts[name]]))
    if name == "constant":
        return UNKNOWN
    start = starts[name]
    old, new = values[:start], values[start:]
    if name == "spread":
        return Shape("variance_change", n - start, float(old.std()), float(new.std()))
    if name == "ramp":
        return Shape("drift", n - start, float(old.mean()), float(new[-1]))
    kind: ShapeKind = "level_shift"
    if len(new) <= SHORT:
        kind = "spike" if new.mean() > old.mean() else "drop"
    return Shape(kind, n - start, float(old.mean()), float(new.mean()))


def _constant(values: Floats) -> Floats:
    return np.array([_bic(values.var() * len(values), values, 2)])


def _steps(values: Floats) -> Floats:
    """Return the BIC of a step at each row, `(n,)`."""
    n = len(values)
    rows = np.arange(n)
    sums, squares = np.cumsum(values), np.cumsum(values**2)
    before, after = rows, n - rows
    of_before = np.concatenate([[0], sums[:-1]])
    explained = of_before**2 / np.maximum(before, 1) + (sums[-1] - of_before) ** 2 / after
    return _after(FEWEST_OF_TREND, _bic(squares[-1] - explained, values, 4), fewest_after=1)


def _ramps(values: Floats) -> Floats:
    """Return the BIC of a level that begins to climb or fall at each row, `(n,)`."""
    n = len(values)
    centred = values - values.mean()
    length = n - np.arange(n)
    hinge_sum = length * (length + 1) / 2
    hinge_squares = hinge_sum * (2 * length + 1) / 3
    hinge_values = np.cumsum(np.cumsum(centred[::-1]))[::-1]
    spread = np.maximum(hinge_squares - hinge_sum**2 / n, 1e-12)
    residual = (centred**2).sum() - hinge_values**2 / spread
    return _after(FEWEST_OF_TREND, _bic(residual, values, 4), FEWEST_OF_TREND)


def _spreads(values: Floats) -> Floats:
    """Return the BIC of a variance that changes at each row, `(n,)`."""
    n = len(values)
    squares = np.cumsum((values - np.median(values)) ** 2)
    before = np.concatenate([[0], squares[:-1]])
    rows = np.arange(n)
    old = np.maximum(before / np.maximum(rows, 1), LEAST_VARIANCE)
    new = np.maximum((squares[-1] - before) / (n - rows), LEAST_VARIANCE)
    bics = rows * np.log(old) + (n - rows) * np.log(new) + 4 * np.log(n)
    return _after(FEWEST_OF_SPREAD, bics, FEWEST_OF_SPREAD)


def _bic(residual: Floats, values: Floats, parameters: int) -> Floats:
    n = len(values)
    variance = np.maximum(residual / n, LEAST_VARIANCE)
    bic: Floats = n * np.log(variance) + parameters * np.log(n)
    return bic


def _after(fewest_before: int, bics: Floats, fewest_after: int) -> Floats:
    """Rule out the places that have too few rows before or after them."""
    bics = bics.copy()
    bics[:fewest_before] = np.inf
    bics[len(bics) - fewest_after + 1 :] = np.inf
    return bics
