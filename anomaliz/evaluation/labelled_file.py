"""Labelled series from CSV and Parquet files of any shape."""

import warnings
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Stamps
from anomaliz.data.columns import RESERVED, label_flags, numbers, split_parts, stamps_of
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.data.table_file import read_table
from anomaliz.evaluation.labelled import Labelled
from anomaliz.metrics.events import runs

if TYPE_CHECKING:
    import pandas as pd


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that glob `patterns` match, each once; DataError for none, or two of one name."""
    found: dict[str, Path] = {}
    for pattern in patterns:
        matches = sorted(glob(pattern, recursive=True))  # noqa: PTH207  (a Path's takes no absolute pattern)
        if not matches:
            raise DataError(f"no file matches {pattern!r}: check the path, and quote the pattern")
        for path in map(Path, matches):
            other = found.setdefault(_name(path), path)
            if other != path:
                raise DataError(f"{other} and {path} would have one name: rename one")
    return list(found.values())


def read_labelled(path: Path, labels: str = "label", train_ratio: float = 0.5) -> Labelled:
    """Read a series with a column `labels` of 0 and 1 from CSV or Parquet, gzipped or not.

    Its training rows are those of its `split` column, else the first `train_ratio` of all. Columns but
    for stamps, labels and split are features. Raises DataError that names file or column for anything else.

    A DataWarning names a file with stamps that repeat or step back: a clock that was set, an hour that
    comes twice in autumn. Its rows are taken in their order.
    """
    frame = read_table(path, str(path), None, None)
    try:
        series = _labelled(frame, path, labels, train_ratio)
    except DataError as error:
        raise DataError(f"{path}: {error}", field=error.field) from None
    if series.times is not None:
        _warn_of_order(series.times, path)
    return series


def _labelled(frame: "pd.DataFrame", path: Path, labels: str, train_ratio: float) -> Labelled:
    if labels not in frame:
        near = suggestion(labels, map(str, frame.columns))
        raise DataError(f"there is no column {labels!r}{near or ': name the one with labels by --labels'}")
    flags = label_flags(frame[labels], labels)
    dataset = _unlabelled(frame.drop(columns=labels), _name(path))
    return Labelled(
        name=dataset.name,
        values=dataset.values,
        times=dataset.times,
        labels=flags,
        features=dataset.features,
        n_train=_training_rows(dataset, train_ratio),
        windows=runs(flags),
        sources=(path,),
    )


def _unlabelled(frame: "pd.DataFrame", name: str) -> Dataset:
    features = tuple(str(column) for column in frame.columns if column not in RESERVED)
    if not features:
        raise DataError("there must be a numeric column beside stamps, labels and split")
    columns = [numbers(frame[feature], feature) for feature in features]
    for feature, column in zip(features, columns, strict=True):
        if np.isnan(column).all():
            raise DataError(f"column {feature!r} has no values: drop it", field=feature)
    split = split_parts(frame["split"]) if "split" in frame else None
    times = stamps_of(frame, any_order=True)
    return Dataset(np.column_stack(columns), times, features, split=split, name=name)


def _training_rows(dataset: Dataset, ratio: float) -> int:
    n, split = len(dataset), dataset.split
    n_train = int(n * ratio) if split is None else int((split == "train").sum())
    if not 0 < n_train < n:
        fix = "give a longer series" if split is None else "mark rows of both kinds in 'split'"
        raise DataError(f"there must be training and test rows: {fix}")
    return n_train


def _warn_of_order(times: Stamps, path: Path) -> None:
    backward = int((times[1:] <= times[:-1]).sum())
    if backward:
        stamps = "stamp is" if backward == 1 else "stamps are"
        warnings.warn(
            f"{path}: {backward} {stamps} not later than the one before: rows are taken in the file's order",
            DataWarning,
            stacklevel=3,
        )


def _name(path: Path) -> str:
    return path.name.removesuffix(".gz")
