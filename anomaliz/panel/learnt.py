"""What training learnt of many series, as arrays that can be cut by series and put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class LearntSeries:
    """What is known of `k` series of `f` features."""

    by_column: Arrays
    """`(..., k * f)` each; the features of a series lie side by side."""
    by_series: Arrays
    """`(..., k)` each."""

    def of(self, series: NDArray[np.intp], n_features: int) -> Self:
        """Return what is known of some of the series, in the order of their positions `(b,)`."""
        columns = (series[:, np.newaxis] * n_features + np.arange(n_features)).ravel()
        return type(self)(
            {name: array[..., columns] for name, array in self.by_column.items()},
            {name: array[..., series] for name, array in self.by_series.items()},
        )

    def of_member(self, name: str) -> Arrays:
        """Return what a member has learnt, without its name before the keys."""
        prefix = f"{name}/"
        return {
            key.removeprefix(prefix): array for key, array in self.by_column.items() if key.startswith(prefix)
        }

    def required(self, k: int, n_features: int) -> Self:
        """Return this; ValueError if it is not of `k` series of `n_features`."""
        for arrays, n in ((self.by_column, k * n_features), (self.by_series, k)):
            if not arrays or any(array.shape[-1:] != (n,) for array in arrays.values()):
                raise ValueError(f"there are {k} series of {n_features} features")
        return self

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the series of all parts, one part's after the other's."""
        return cls(
            *(
                {name: np.concatenate([part[name] for part in arrays], axis=-1) for name in arrays[0]}
                for arrays in ([part.by_column for part in parts], [part.by_series for part in parts])
            )
        )
