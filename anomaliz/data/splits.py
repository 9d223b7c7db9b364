"""The split: which rows train, which validate, which test, always in time order."""

from typing import NamedTuple

from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset


class Split(NamedTuple):
    """Rows of the three parts, one after the other."""

    train: slice
    validation: slice
    test: slice


def split_rows(dataset: Dataset) -> Split:
    """Split chronologically 0.6/0.2/0.2, or as the dataset's own split says.

    Of a dataset with a split, the test part is its "test" rows and the validation part the last
    fifth of its "train" rows. Raises DataError when a part would be empty.
    """
    n = len(dataset)
    if dataset.split is None:
        split = _parts(n * 3 // 5, n * 4 // 5, n)
    else:
        n_train = int((dataset.split == "train").sum())
        split = _parts(n_train * 4 // 5, n_train, n)
    for name, part in zip(Split._fields, split, strict=True):
        if part.start == part.stop:
            fix = "give a longer series" if dataset.split is None else "mark rows of both kinds in 'split'"
            raise DataError(f"the {name} part of {dataset.name} has no rows: {fix}")
    return split


def _parts(train_end: int, validation_end: int, n: int) -> Split:
    return Split(slice(0, train_end), slice(train_end, validation_end), slice(validation_end, n))
