"""The contract of detectors that judge a row by the rows before it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from anomaliz.core.detector import NotFittedError
from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.models.series.rows import Rows

Scale = Literal["range", "robust"]
"""Of which normaliser a detector takes its values: training range, or median and spread."""


@dataclass(frozen=True)
class SeriesReading:
    """What a series detector reads off `n` rows."""

    errors: Floats
    """`(n, n_readings)`: one detector may look at several time scales; higher = stranger."""
    feature_errors: Floats | None = None
    """`(n, n_features)`, >= 0, of a detector that can tell features apart."""
    expected: Floats | None = None
    """`(n, n_features)` in the scale of the values, of a detector that predicts."""


class SeriesDetector(ABC):
    """Judges rows by the rows before them, and keeps no memory of its own.

    An error depends on its row and at most `reach` rows before it. Whoever keeps that many scores a
    series at once, in chunks or row by row with one result, and nothing can leak from the future.
    Values are finite, normalised, one step apart, `(m, n_features)`. Constructors store parameters and
    nothing else; what `fit` learns has a trailing underscore and is numbers and arrays.
    """

    name: ClassVar[str]
    scale: Scale = "robust"
    seasonal: ClassVar[bool] = False
    """Whether it needs to know how many rows a day has."""

    period_: int
    """Rows in a day, or 0 where the series has no stamps."""
    n_features_: int

    def fit(self, rows: Rows) -> Self:
        """Learn what is normal from `rows`; DataError for rows that are not finite, or none."""
        self._require_usable(rows)
        if not len(rows):
            raise DataError(f"{self.name} cannot be fitted on no rows")
        if self.seasonal and rows.period < 2:
            raise DataError(f"{self.name} needs the rows of a day: give the series stamps")
        self.period_, self.n_features_ = int(rows.period), rows.values.shape[1]
        self._fit(rows)
        return self

    def read(self, rows: Rows, n: int) -> SeriesReading:
        """Read the last `n` of `rows`; those before are what came before them."""
        if not hasattr(self, "n_features_"):
            raise NotFittedError(f"{self.name} is not fitted: call fit first")
        self._require_usable(rows)
        if rows.values.shape[1] != self.n_features_:
            raise DataError(
                f"{self.name} was fitted on {self.n_features_} features, got {rows.values.shape[1]}"
            )
        if not 0 <= n <= len(rows):
            raise DataError(f"{self.name} cannot read {n} of {len(rows)} rows")
        return self._read(rows, n)

    @property
    @abstractmethod
    def reach(self) -> int:
        """Rows before a row that its error can depend on."""

    @property
    @abstractmethod
    def min_history(self) -> int:
        """Rows that must lie before a row for an error that means something."""

    @property
    def rows_learnt(self) -> int:
        """Training rows, from the first on, whose errors calibrate nothing: they were learnt by heart."""
        return 0

    def state(self) -> dict[str, Floats]:
        """Return everything that `fit` learnt as arrays."""
        learnt = {key: value for key, value in vars(self).items() if key.endswith("_")}
        return {key: np.asarray(value) for key, value in learnt.items()}

    def restore(self, state: Mapping[str, Floats]) -> Self:
        """Take over what `state` returned."""
        for key, value in state.items():
            setattr(self, key, value.item() if value.ndim == 0 else value)
        return self

    def _require_usable(self, rows: Rows) -> None:
        if rows.values.ndim != 2:
            raise DataError(f"{self.name} takes values (n, n_features), got shape {rows.values.shape}")
        if not np.isfinite(rows.values).all():
            raise DataError(f"{self.name} takes finite values: fill or drop NaN and infinity first")

    def _fit(self, rows: Rows) -> None:  # noqa: B027  -- some learn nothing
        """Learn from `rows`."""

    @abstractmethod
    def _read(self, rows: Rows, n: int) -> SeriesReading: ...
