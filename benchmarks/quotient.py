"""A measure of several series as one number, with its interval and its halves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.metrics.nab import NabSeries, best_nab_score, nab_gain
from benchmarks.recipe import Outcome

RESAMPLES = 10_000
CONFIDENCE = 0.95
EVEN, ODD = slice(0, None, 2), slice(1, None, 2)
"""Halves of the series in sorted order."""


@dataclass(frozen=True)
class Quotient:
    """The sum of `over` by the sum of `under`, `(n_series,)` each; for a mean `under` is 1.

    A series that lacks the measure has 0 in both. Intervals hold the middle of resamples of series with
    replacement (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).
    """

    over: Floats
    under: Floats

    def value(self, part: slice = slice(None)) -> float:
        return float(self.over[part].sum() / self.under[part].sum())

    def interval(self) -> tuple[float, float]:
        return _middle(self._resampled())

    def difference_interval(self, other: "Quotient") -> tuple[float, float]:
        """Return the interval of this minus `other`, of the same series, resampled together."""
        return _middle(self._resampled() - other._resampled())

    def _resampled(self) -> Floats:
        n = len(self.over)
        drawn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
        found: Floats = self.over[drawn].sum(axis=1) / np.maximum(self.under[drawn].sum(axis=1), 1)
        return found


def mean_of(outcomes: Sequence[Outcome], measure: str) -> Quotient:
    """Return the mean of a measure over the series that have it."""
    found = np.array([outcome.measures[measure] for outcome in outcomes], np.float64)
    known = ~np.isnan(found)
    return Quotient(np.where(known, found, 0.0), known.astype(np.float64))


def nab_best(outcomes: Sequence[Outcome]) -> Quotient:
    """Return NAB's standard score at the threshold that is best for all series together."""
    return _nab(outcomes, [best_threshold(outcomes)] * len(outcomes))


def nab_confirmed(outcomes: Sequence[Outcome]) -> Quotient:
    """Return NAB's standard score of each half at the threshold that is best for the other."""
    thresholds = np.empty(len(outcomes))
    for here, there in ((EVEN, ODD), (ODD, EVEN)):
        thresholds[here] = best_threshold(outcomes[there])
    return _nab(outcomes, thresholds.tolist())


def nab_shipped(outcomes: Sequence[Outcome]) -> Quotient:
    """Return NAB's standard score at the recipe's own threshold, which knows no label."""
    return _nab(outcomes, [outcome.alert_surprise for outcome in outcomes])


def best_threshold(outcomes: Sequence[Outcome]) -> float:
    """Return the threshold that gives `outcomes` together the highest standard score."""
    return best_nab_score([NabSeries(outcome.alert_score, outcome.windows) for outcome in outcomes])[1]


def _nab(outcomes: Sequence[Outcome], thresholds: Sequence[float]) -> Quotient:
    """Return NAB's score as what each series gains, in percent, by the most that there is."""
    gains = [
        nab_gain(NabSeries(outcome.alert_score, outcome.windows), threshold)
        for outcome, threshold in zip(outcomes, thresholds, strict=True)
    ]
    over, under = np.array(gains, np.float64).T
    return Quotient(100 * over, under)


def _middle(values: Floats) -> tuple[float, float]:
    lower, upper = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(lower), float(upper)
