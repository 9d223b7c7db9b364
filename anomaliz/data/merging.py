"""Merging: several files of one source as one series."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import infer_step
from anomaliz.core.types import Stamps
from anomaliz.data.dataset import Dataset

Cell = TypeVar("Cell", bound=np.generic)

SAME_STEP = 1.5
"""Steps that differ by less than this factor are one step with jitter."""


def merge(datasets: Sequence[Dataset]) -> Dataset:
    """Join datasets into one series, in time order, with the features as the first has them.

    Raises DataError for no datasets, other features or another step, labels or a split that only
    some have, and stamps that are absent or overlap.
    """
    if not datasets:
        raise DataError("give one series or more")
    if len(datasets) == 1:
        return datasets[0]
    first = datasets[0]
    parts = sorted((dataset.reordered(first.features) for dataset in datasets), key=_start)
    for earlier, later in pairwise(parts):
        _require_successor(earlier, later)
    times = np.concatenate([_stamps(part) for part in parts])
    return Dataset(
        values=np.concatenate([part.values for part in parts]),
        times=times,
        features=first.features,
        labels=_joined(parts, [part.labels for part in parts], "label"),
        split=_joined(parts, [part.split for part in parts], "split"),
        step=infer_step(times),
        name="+".join(part.name for part in parts),
    )


def _require_successor(earlier: Dataset, later: Dataset) -> None:
    names = f"{earlier.name} and {later.name}"
    if _stamps(later)[0] <= _stamps(earlier)[-1]:
        raise DataError(f"{names} overlap in time: give each row once", field="timestamp")
    if earlier.step and later.step and not 1 / SAME_STEP < later.step / earlier.step < SAME_STEP:
        raise DataError(f"{names} have steps of their own: resample one of them", field="timestamp")


def _joined(
    parts: Sequence[Dataset], columns: Sequence[NDArray[Cell] | None], field: str
) -> NDArray[Cell] | None:
    present = [column for column in columns if column is not None]
    if not present:
        return None
    for part, column in zip(parts, columns, strict=True):
        if column is None:
            raise DataError(f"{part.name} must have a column '{field}', as other files do", field=field)
    return np.concatenate(present)


def _start(dataset: Dataset) -> np.datetime64:
    start: np.datetime64 = _stamps(dataset)[0]
    return start


def _stamps(dataset: Dataset) -> Stamps:
    if dataset.times is None or not len(dataset):
        raise DataError(f"{dataset.name} has no stamps to merge by", field="timestamp")
    return dataset.times
