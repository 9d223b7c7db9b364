"""The base of detectors that look at each feature by itself and then join the features."""

from abc import abstractmethod

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.detector import SeriesDetector, SeriesReading
from anomaliz.models.series.feature_scale import joined, scale_of
from anomaliz.models.series.rows import Rows


class FeaturewiseDetector(SeriesDetector):
    """Reads each feature at one or more time scales; a row's error joins its features.

    A detector writes `_feature_readings` and, where it must learn something first, `_learn`.
    """

    scale_: Floats
    """What is large for each reading of each feature, `(n_readings, n_features)`."""

    def _fit(self, rows: Rows) -> None:
        self._learn(rows)
        readings, _ = self._feature_readings(rows)
        # Rows without enough before them would widen the scale; a series of only such rows has no others.
        settled = rows.normal.copy()
        settled[: min(self.min_history, len(rows) // 2)] = False
        learnt = settled if settled.any() else rows.normal
        self.scale_ = np.array([scale_of(reading[learnt]) for reading in readings])

    def _read(self, rows: Rows, n: int) -> SeriesReading:
        readings, expected = self._feature_readings(rows)
        first = len(rows) - n
        newest = [reading[first:] for reading in readings]
        errors = np.stack([joined(*pair) for pair in zip(newest, self.scale_, strict=True)], axis=1)
        return SeriesReading(
            errors,
            (newest[0] / self.scale_[0]) ** 2,
            None if expected is None else expected[first:],
        )

    def _learn(self, rows: Rows) -> None:
        """Learn what the readings need."""

    @abstractmethod
    def _feature_readings(self, rows: Rows) -> tuple[list[Floats], Floats | None]:
        """Return each reading's errors, `(m, n_features)`, and the expected values where there are any."""
