"""A dataset: a series with what is known about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Flags, Floats, Stamps


class DataWarning(UserWarning):
    """Data that can be used, though probably not as its owner expects."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A series of `n` rows with names, and labels and a split where there are any.

    Raises DataError for parts of unequal length, and for a split other than "train" rows followed
    by "test" rows.
    """

    values: Floats
    """`(n, n_features)`, float64, NaN = missing."""
    times: Stamps | None
    """`(n,)`, strictly increasing, or None for a series without stamps."""
    features: tuple[str, ...]
    labels: Flags | None = None
    """`(n,)`, True where a row is known to be anomalous."""
    split: NDArray[np.str_] | None = None
    """`(n,)` of "train" and "test"."""
    step: np.timedelta64 | None = None
    """Sampling interval."""
    name: str = "series"

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.features):
            raise DataError(f"values must be rows of {len(self.features)} features, got {self.values.shape}")
        for field in ("times", "labels", "split"):
            column = getattr(self, field)
            if column is not None and column.shape != (len(self),):
                raise DataError(f"{field} must have one entry for each of the {len(self)} rows", field=field)
        if self.split is not None:
            _require_train_first(self.split)

    def __len__(self) -> int:
        return len(self.values)

    def select(self, rows: slice | NDArray[np.bool_] | NDArray[np.integer]) -> Self:
        """Return the dataset of these rows: a slice, flags `(n,)` or increasing row numbers."""
        return replace(
            self,
            values=self.values[rows],
            times=None if self.times is None else self.times[rows],
            labels=None if self.labels is None else self.labels[rows],
            split=None if self.split is None else self.split[rows],
        )

    def reordered(self, features: Sequence[str]) -> Self:
        """Return the dataset with its features in this order; DataError unless they are the same ones."""
        for feature in features:
            if feature not in self.features:
                near = suggestion(feature, self.features)
                raise DataError(f"{self.name} must have a column {feature!r}{near}", field=feature)
        for feature in self.features:
            if feature not in features:
                near = suggestion(feature, features) or ": drop it"
                raise DataError(f"{self.name} has an unknown column {feature!r}{near}", field=feature)
        columns = [self.features.index(feature) for feature in features]
        return replace(self, values=self.values[:, columns], features=tuple(features))


def _require_train_first(split: NDArray[np.str_]) -> None:
    unknown = ~np.isin(split, ("train", "test"))
    if unknown.any():
        row = int(np.argmax(unknown))
        raise DataError(
            f"column 'split' must be 'train' or 'test', got {str(split[row])!r} in row {row}", field="split"
        )
    test = split == "test"
    if (test[:-1] > test[1:]).any():
        raise DataError("column 'split' must have all train rows before all test rows", field="split")
