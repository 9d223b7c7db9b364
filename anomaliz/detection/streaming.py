"""Calibration that goes on: tails that are fitted anew as the history of errors grows.

A tail that was fitted once on a short training part knows little of what is rare; one that forgets old errors
takes a long anomaly for normal. So the whole history counts, up to a bound, and never what comes after a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.detection.calibration import MIN_ERRORS, Tail

KEPT = 20_000
"""Rows whose errors a tail is fitted on at most, the newest."""
GROWTH = 0.02
"""Tails are fitted anew whenever the history is this share longer, at least by LEAST_GROWTH rows."""
LEAST_GROWTH = 20


@dataclass(frozen=True)
class ErrorHistory:
    """The errors of the past and the tails fitted on them."""

    errors: Floats
    """`(k, n_columns)`, k at most KEPT, oldest first; NaN where a detector had no error."""
    seen: int
    """Rows that have ever been in it."""
    next_fit: int
    """The value of `seen` at which the tails are fitted anew."""
    tails: tuple[Tail | None, ...]
    """None for a column with fewer than 50 errors."""

    @classmethod
    def of(cls, errors: Floats, tail_quantile: float) -> Self:
        """Begin with the errors `(n, n_columns)` of normal training rows."""
        errors = errors[-KEPT:]
        return cls(errors, len(errors), _next_fit(len(errors)), _fit(errors, tail_quantile))

    def read(self, errors: Floats) -> Floats:
        """Return the surprise of `errors (n, n_columns)` by the tails as they are, remembering nothing."""
        return _surprise(self.tails, errors)

    def surprise(self, errors: Floats, tail_quantile: float) -> tuple[Floats, Self]:
        """Return the surprise of the next rows' `errors (n, n_columns)`, each by the rows before it.

        Also returns the history with those rows. Where there is no error or no tail yet, the surprise is NaN.
        """
        history, parts, done = self, [], 0
        while done < len(errors):
            part = errors[done : done + history.next_fit - history.seen]
            parts.append(_surprise(history.tails, part))
            history = history._grown(part, tail_quantile)
            done += len(part)
        return (np.concatenate(parts) if parts else np.empty(errors.shape)), history

    def _grown(self, errors: Floats, tail_quantile: float) -> Self:
        kept = np.concatenate([self.errors, errors])[-KEPT:]
        seen = self.seen + len(errors)
        if seen < self.next_fit:
            return replace(self, errors=kept, seen=seen)
        return type(self)(kept, seen, _next_fit(seen), _fit(kept, tail_quantile))


def _next_fit(seen: int) -> int:
    return seen + max(int(GROWTH * min(seen, KEPT)), LEAST_GROWTH)


def _fit(errors: Floats, tail_quantile: float) -> tuple[Tail | None, ...]:
    return tuple(_tail(column[~np.isnan(column)], tail_quantile) for column in errors.T)


def _tail(errors: Floats, tail_quantile: float) -> Tail | None:
    if np.isinf(errors).any():
        raise DataError("calibration needs finite errors: a series detector has diverged")
    return Tail.fit(errors, tail_quantile) if len(errors) >= MIN_ERRORS else None


def _surprise(tails: Sequence[Tail | None], errors: Floats) -> Floats:
    surprise = np.full(errors.shape, np.nan)
    for i, tail in enumerate(tails):
        if tail is not None:
            there = ~np.isnan(errors[:, i])
            surprise[there, i] = tail.surprise(errors[there, i])
    return surprise
