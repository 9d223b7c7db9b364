"""Readings: samples of many series on common stamps, as a source gives them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from anomaliz.core.labels import Labels, LabelSet, label_set, series_name
from anomaliz.core.stamps import require_increasing
from anomaliz.core.types import Floats, Stamps

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Readings:
    """Samples of `k` series at `n` stamps. No data is readings without stamps or without series."""

    times: Stamps
    """UTC `datetime64[ns]`, strictly increasing, `(n,)`."""
    values: Floats
    """Float64, NaN = no sample, `(n, k)`."""
    labels: tuple[Labels, ...]
    """What tells each series from the others, `k` distinct mappings."""

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.times), len(self.labels)):
            raise ValueError(
                f"{len(self.times)} times and {len(self.labels)} labels do not fit values {self.values.shape}"
            )
        if len({label_set(labels) for labels in self.labels}) < len(self.labels):
            raise ValueError("labels must be distinct")
        require_increasing(self.times)

    @classmethod
    def empty(cls) -> Self:
        """Return readings of nothing."""
        return cls(np.empty(0, "datetime64[ns]"), np.empty((0, 0)), ())

    def __len__(self) -> int:
        return len(self.times)

    @property
    def has_data(self) -> bool:
        """Whether there is a sample at all."""
        return not bool(np.isnan(self.values).all())

    def between(self, start: np.datetime64, end: np.datetime64) -> "Readings":
        """Return the readings in [start, end)."""
        first, last = np.searchsorted(self.times, np.array([start, end], dtype="datetime64[ns]"))
        return Readings(self.times[first:last], self.values[first:last], self.labels)

    def sampled(self) -> "Readings":
        """Return the readings without series that have no sample."""
        columns = np.flatnonzero((~np.isnan(self.values)).any(axis=0))
        if len(columns) == len(self.labels):
            return self
        return Readings(self.times, self.values[:, columns], tuple(self.labels[i] for i in columns))

    def frame(self) -> "pd.DataFrame":
        """Return a frame for people: UTC stamps as index, each series a column `name{label="value"}`."""
        import pandas as pd

        index = pd.DatetimeIndex(self.times, tz="UTC", name="timestamp")
        return pd.DataFrame(self.values, index=index, columns=[series_name(labels) for labels in self.labels])


def joined(chunks: Iterable[Readings]) -> Readings:
    """Return the readings of all `chunks`: the union of their stamps and of their series.

    NaN where a chunk has no sample; where several have one for the same place, the last of them.
    """
    parts = list(chunks)
    if not parts:
        return Readings.empty()
    times = np.unique(np.concatenate([part.times for part in parts]))
    columns: dict[LabelSet, int] = {}
    labels: list[Labels] = []
    for part in parts:
        for found in part.labels:
            if columns.setdefault(label_set(found), len(labels)) == len(labels):
                labels.append(found)
    values = np.full((len(times), len(labels)), np.nan)
    for part in parts:
        rows = np.searchsorted(times, part.times)
        place = np.ix_(rows, np.array([columns[label_set(found)] for found in part.labels], dtype=np.intp))
        values[place] = np.where(np.isnan(part.values), values[place], part.values)
    return Readings(times, values, tuple(labels))
