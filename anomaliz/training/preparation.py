"""Makes a dataset ready to train on: rows one step apart, filled forward, split, windowed."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.data.splits import Split, split_rows
from anomaliz.detection.calibration import MIN_ERRORS
from anomaliz.preprocessing.gaps import forward_fill, insert_gaps
from anomaliz.preprocessing.windowing import complete, sliding_windows

MIN_TRAINING_WINDOWS = 100


@dataclass(frozen=True)
class Part:
    """The complete windows of one part of the split."""

    windows: Floats
    """Every window of the series, `(m, window_size, n_features)`, a view."""
    picked: NDArray[np.intp]
    """Which of them end in this part and have no value missing, `(n,)`."""
    labels: Flags | None
    """Label of each picked window's last row, `(n,)`."""
    clean: Flags
    """Whether no row of the picked window is labelled, `(n,)`."""

    @property
    def observed(self) -> Floats:
        """Last row of each picked window, `(n, n_features)`."""
        rows: Floats = self.windows[self.picked, -1]
        return rows


@dataclass(frozen=True)
class Prepared:
    """A series and its three parts."""

    dataset: Dataset
    """Rows one step apart, missing ones NaN."""
    window_size: int
    split: Split
    filled: Floats
    """The dataset's values, filled forward, `(n, n_features)`."""

    @property
    def train(self) -> Part:
        return self._part(self.split.train)

    @property
    def validation(self) -> Part:
        return self._part(self.split.validation)

    @property
    def test(self) -> Part:
        return self._part(self.split.test)

    @property
    def normal_training_rows(self) -> Floats:
        rows = self.filled[self.split.train]
        labels = self.dataset.labels
        return rows if labels is None else rows[~labels[self.split.train]]

    def _part(self, rows: slice) -> Part:
        windows = sliding_windows(self.filled, self.window_size)
        ends = np.arange(max(rows.start, self.window_size - 1), rows.stop)
        starts = ends - (self.window_size - 1)
        starts = starts[complete(windows)[starts]]
        labels = self.dataset.labels
        if labels is None:
            return Part(windows, starts, None, np.ones(len(starts), bool))
        before = np.concatenate([[0], np.cumsum(labels)])
        labelled = before[starts + self.window_size] - before[starts]
        return Part(windows, starts, labels[starts + self.window_size - 1], labelled == 0)


def prepare(dataset: Dataset, window_size: int) -> Prepared:
    """Regularise, fill and split `dataset`; raises DataError when too little normal data is left."""
    regular = _regular(dataset, window_size)
    filled = forward_fill(regular.values, limit=window_size)
    prepared = Prepared(regular, window_size, split_rows(regular), filled)
    _warn_of_constants(prepared)
    _require(prepared.train, MIN_TRAINING_WINDOWS, "training", prepared)
    _require(prepared.validation, MIN_ERRORS, "validation", prepared)
    return prepared


def _regular(dataset: Dataset, window_size: int) -> Dataset:
    if dataset.times is None or dataset.step is None:
        return dataset
    values, times, positions = insert_gaps(dataset.values, dataset.times, dataset.step, most=window_size + 1)
    labels = None
    if dataset.labels is not None:
        labels = np.zeros(len(values), bool)
        labels[positions] = dataset.labels
    # An inserted row belongs to the part of the row before it.
    owner = np.searchsorted(positions, np.arange(len(values)), side="right") - 1
    split = None if dataset.split is None else dataset.split[owner]
    return replace(dataset, values=values, times=times, labels=labels, split=split)


def _warn_of_constants(prepared: Prepared) -> None:
    rows = prepared.filled[prepared.split.train]
    constant = []
    for feature, values in zip(prepared.dataset.features, rows.T, strict=True):
        present = values[~np.isnan(values)]
        if not len(present):
            raise DataError(f"column {feature!r} has no values to train on: drop it", field=feature)
        if (present == present[0]).all():
            constant.append(repr(feature))
    if constant:
        columns = f"column {constant[0]} is" if len(constant) == 1 else f"columns {', '.join(constant)} are"
        warnings.warn(
            f"{columns} constant where the detectors train: nothing is learnt from that",
            DataWarning,
            stacklevel=3,
        )


def _require(part: Part, least: int, name: str, prepared: Prepared) -> None:
    found = int(part.clean.sum())
    if found >= least:
        return
    labelled = len(part.clean) >= least
    fix = "label fewer rows" if labelled else "give a longer series or one with fewer gaps"
    raise DataError(
        f"{prepared.dataset.name} leaves {found} complete normal windows of {prepared.window_size} rows "
        f"for {name}, which needs {least}: {fix}"
    )
