"""Whether the values of late are distributed otherwise than those before."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.featurewise import FeaturewiseDetector
from anomaliz.models.series.rows import Rows

BINS = 12
WIDEST = 3.0
"""Spreads from the median that the bins cover; what is farther falls into the outer ones."""
PRIOR = 0.5
"""Count that every bin starts with, so that an empty one has a probability (Jeffreys)."""


class DistributionShift(FeaturewiseDetector):
    """Relative entropy of the values of a short stretch against those of a long one before it.

    After Wang, Viswanathan, Choudur, Talwar, Satterfield and Schwan, "Statistical techniques for online
    anomaly detection in data centers" (IM 2011).
    """

    name = "distribution_shift"

    def __init__(self, short: int = 52, long: int = 4000) -> None:
        self.short = short
        self.long = long

    @property
    def reach(self) -> int:
        return self.short + self.long - 1

    @property
    def min_history(self) -> int:
        return 2 * self.short

    def _feature_readings(self, rows: Rows) -> tuple[list[Floats], Floats | None]:
        bins = np.floor((rows.values + WIDEST) / (2 * WIDEST) * BINS)
        hits = np.clip(bins, 0, BINS - 1)[..., np.newaxis] == np.arange(BINS)
        # Counts are whole numbers, so running sums are exact wherever the array begins.
        counts = np.concatenate([np.zeros((1, *hits.shape[1:])), np.cumsum(hits, axis=0)])
        end = np.arange(1, len(rows) + 1)
        middle = np.maximum(end - self.short, 0)
        begin = np.maximum(middle - self.long, 0)
        now = self._shares(counts[end] - counts[middle])
        before = self._shares(counts[middle] - counts[begin])
        return [np.sum(now * np.log(now / before), axis=-1)], None

    def _shares(self, counts: Floats) -> Floats:
        """Return each bin's share of `counts (..., BINS)`, as if a short stretch had them.

        A long stretch with all its rows would come nearer to 0 and 1 than a short one can, and a series that
        never changes would be the stranger the longer it lasts.
        """
        n = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
        shares: Floats = (self.short * counts / n + PRIOR) / (self.short + BINS * PRIOR)
        return shares
