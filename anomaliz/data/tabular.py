"""Tabular data, files and records, as series, with a clear answer to each fault. Rows count from 0."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import infer_step, parse_stamps, require_increasing
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Floats, Stamps
from anomaliz.data.columns import RESERVED, STAMP_COLUMNS, label_flags, numbers, split_parts, stamps_of
from anomaliz.data.dataset import Dataset
from anomaliz.data.table_file import Format, read_table

if TYPE_CHECKING:
    import pandas as pd


def read_dataset(
    path: str | Path | BinaryIO,
    *,
    format: Format | None = None,
    name: str | None = None,
    max_rows: int | None = None,
    to_score: bool = False,
) -> Dataset:
    """Read a series from CSV (gzipped too, from a path) or Parquet; without `format` the content tells.

    It has a column `timestamp` or `timestamps` (Parquet may have a DatetimeIndex instead), numeric
    feature columns of any name, where an empty cell is missing, an optional `label` (0, 1, false,
    true) and an optional `split` ("train" rows, then "test" rows). Raises DataError that names the
    file and the column for anything else.

    To learn from it takes two rows and a value in every feature; a series that is only there `to_score`
    may lack them. A single row has no step.
    """
    if not isinstance(path, str | Path):
        return _dataset(read_table(path, "the input", format, max_rows), name or "series", to_score)
    frame = read_table(path, str(path), format, max_rows)
    try:
        return _dataset(frame, name or _name_of(Path(path)), to_score)
    except DataError as error:
        raise DataError(f"{path}: {error}", field=error.field) from None


def series_from_frame(frame: "pd.DataFrame", features: Sequence[str]) -> tuple[Floats, Stamps | None]:
    """Return the frame's `features`, in this order, `(n, n_features)`, and its stamps if it has any.

    Stamps are a DatetimeIndex or a column `timestamp` or `timestamps`; other columns are left out.
    Raises DataError for a feature that is absent or not numeric, and stamps that do not increase.
    """
    if not frame.columns.is_unique:
        raise DataError("the frame has two columns of one name: rename or drop one")
    for feature in features:
        if feature not in frame:
            near = suggestion(feature, map(str, frame.columns))
            raise DataError(f"the frame must have a column {feature!r}{near}", field=feature)
    return np.column_stack([numbers(frame[feature], feature) for feature in features]), stamps_of(frame)


def rows_from_records(
    records: Sequence[Mapping[str, object]], features: Sequence[str]
) -> tuple[Floats, Stamps | None]:
    """Return the records' `features`, in this order, `(n, n_features)`, and their stamps if they have any.

    A null or absent value is missing (NaN). `label` and `split` may be there, and are left out.
    Raises DataError that names row and field for no records, an unknown field, a feature that is
    in no record, a value that is not a finite number, stamps that only some records have, and
    stamps that do not increase.
    """
    if not records:
        raise DataError("records must be one or more")
    known = {*features, *RESERVED}
    for row, record in enumerate(records):
        _require_known(record, known, row)
    values = np.column_stack([_feature_cells(records, feature) for feature in features])
    return values, _record_stamps(records)


def _dataset(frame: "pd.DataFrame", name: str, to_score: bool) -> Dataset:
    times = stamps_of(frame)
    if times is None:
        raise DataError("there must be a column 'timestamp', and commas between columns", field="timestamp")
    features = tuple(str(column) for column in frame.columns if column not in RESERVED)
    for feature in features:
        if feature.strip().lower() in RESERVED:
            raise DataError(
                f"column {feature!r} is reserved: write {feature.strip().lower()!r}, or rename it",
                field=feature,
            )
    if not features:
        raise DataError(f"there must be a numeric column beside {', '.join(RESERVED)}")
    dataset = Dataset(
        values=np.column_stack([numbers(frame[feature], feature) for feature in features]),
        times=times,
        features=features,
        labels=label_flags(frame["label"]) if "label" in frame else None,
        split=split_parts(frame["split"]) if "split" in frame else None,
        step=infer_step(times) if len(times) > 1 else None,
        name=name,
    )
    if not to_score:
        _require_learnable(dataset)
    return dataset


def _name_of(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".parquet")


def _require_learnable(dataset: Dataset) -> None:
    if dataset.step is None:
        raise DataError("there is a single row: give a longer series")
    for feature, values in zip(dataset.features, dataset.values.T, strict=True):
        if np.isnan(values).all():
            raise DataError(f"column {feature!r} has no values: drop it", field=feature)


def _require_known(record: object, known: set[str], row: int) -> None:
    if not isinstance(record, Mapping):
        raise DataError(f"row {row} must be an object of features, got {short(record)}")
    unknown = record.keys() - known
    if unknown:
        field = str(min(unknown, key=str))
        near = suggestion(field, known)
        raise DataError(f"row {row} has an unknown field {short(field)}{near or ': drop it'}", field=field)


def _feature_cells(records: Sequence[Mapping[str, object]], feature: str) -> Floats:
    if not any(feature in record for record in records):
        raise DataError(f"records must have the field {feature!r}, null where it is missing", field=feature)
    return np.array([_number(record.get(feature), row, feature) for row, record in enumerate(records)])


def _number(cell: object, row: int, feature: str) -> float:
    if cell is None:
        return math.nan
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        try:
            number = float(cell)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise DataError(
        f"field {feature!r} must be a finite number or null, got {short(cell)} in row {row}", field=feature
    )


def _record_stamps(records: Sequence[Mapping[str, object]]) -> Stamps | None:
    names = [name for name in STAMP_COLUMNS if any(name in record for record in records)]
    if not names:
        return None
    if len(names) > 1:
        raise DataError("stamps are in 'timestamp' and 'timestamps': keep one of them", field="timestamps")
    name = names[0]
    for row, record in enumerate(records):
        if name not in record:
            raise DataError(f"row {row} must have a {name!r}, as other rows do", field=name)
    times = parse_stamps([record[name] for record in records], field=name)
    require_increasing(times, name)
    return times
