"""Which series detectors a series gets: one set for each shape of data, the same for every data set."""

from collections.abc import Sequence

from anomaliz.models.series.autoregression import Autoregression
from anomaliz.models.series.detector import SeriesDetector
from anomaliz.models.series.distribution_shift import DistributionShift
from anomaliz.models.series.level_shift import LevelShift
from anomaliz.models.series.seasonal_residual import SeasonalResidual
from anomaliz.models.series.shape_clusters import ShapeClusters
from anomaliz.models.series.shape_subspace import ShapeSubspace
from anomaliz.models.series.variance_shift import VarianceShift
from anomaliz.models.series.window_novelty import WindowNovelty


def series_detectors(n_features: int, period: int) -> Sequence[SeriesDetector]:
    """Return the unfitted detectors for a series of `n_features` with `period` rows a day (0 = unknown)."""
    detectors = _single() if n_features == 1 else _several()
    return [detector for detector in detectors if period > 1 or not detector.seasonal]


def _single() -> Sequence[SeriesDetector]:
    """One metric alone: different kinds of error, since there is no other metric to compare with."""
    return [
        SeasonalResidual(),
        WindowNovelty(),
        LevelShift(),
        VarianceShift(),
        DistributionShift(),
        ShapeClusters(),
        ShapeSubspace(),
    ]


def _several() -> Sequence[SeriesDetector]:
    """Several metrics of one thing: forecasts from own past and from all's, and what is new among rows."""
    return [
        Autoregression("autoregression"),
        Autoregression("autoregression_robust", scale="robust"),
        Autoregression("autoregression_robust_two_steps", scale="robust", horizon=2),
        Autoregression("vector_autoregression", across=True),
        Autoregression("vector_autoregression_two_steps", across=True, horizon=2),
        WindowNovelty(lengths=(3,), deviations=True, scale="range"),
    ]
