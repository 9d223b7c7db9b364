"""Columns of a frame as arrays, with a clear answer to each thing that a cell must not be."""

from reprlib import repr as short
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps, require_increasing
from anomaliz.core.types import Flags, Floats, Stamps

if TYPE_CHECKING:
    import pandas as pd

STAMP_COLUMNS = ("timestamp", "timestamps")
RESERVED = (*STAMP_COLUMNS, "label", "split")
"""Column names that are never features."""

TRUTH = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


def stamps_of(frame: "pd.DataFrame", *, any_order: bool = False) -> Stamps | None:
    """Return the stamps of the frame's stamp column or DatetimeIndex, `(n,)`, or None without either.

    Raises DataError for two of them, and for stamps that cannot be read or, unless they may have
    `any_order`, do not increase.
    """
    import pandas as pd

    stamps = {name: frame[name] for name in STAMP_COLUMNS if name in frame}
    if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name in STAMP_COLUMNS:
        stamps["index"] = frame.index.to_series()
    if not stamps:
        return None
    if len(stamps) > 1:
        raise DataError(f"stamps are in {' and '.join(stamps)}: keep one of them", field="timestamp")
    ((name, column),) = stamps.items()
    times = _instants(column, name)
    if not any_order:
        require_increasing(times, name)
    return times


def numbers(column: "pd.Series", name: str) -> Floats:
    """Return a feature's values, `(n,)` float64, NaN = missing; DataError for text and infinity."""
    import pandas as pd

    if column.dtype.kind in "bmM" or pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        raise DataError(f"column {name!r} must be numbers, got {column.dtype}: drop it", field=name)
    converted = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = np.isnan(converted) & column.notna().to_numpy()
    if text.any():
        raise _bad_cell(column, name, text, "numbers")
    if np.isinf(converted).any():
        raise _bad_cell(column, name, np.isinf(converted), "finite numbers")
    return converted


def label_flags(column: "pd.Series", name: str = "label") -> Flags:
    """Return which rows are labelled anomalous, `(n,)`; DataError for other than 0, 1, false, true."""
    found = [TRUTH.get(str(cell).strip().lower()) for cell in column.tolist()]
    unknown = np.array([truth is None for truth in found], dtype=np.bool_)
    if unknown.any():
        raise _bad_cell(column, name, unknown, "0 or 1")
    return np.array(found, dtype=np.bool_)


def split_parts(column: "pd.Series") -> NDArray[np.str_]:
    """Return each row's part as text, `(n,)`; `Dataset` says which it takes."""
    return np.array([str(cell).strip() for cell in column.tolist()], dtype=np.str_)


def _instants(column: "pd.Series", name: str) -> Stamps:
    import pandas as pd

    if column.dtype.kind != "M" or column.isna().any():
        return parse_stamps(column.tolist(), field=name)
    try:
        return pd.to_datetime(column, utc=True).dt.tz_localize(None).dt.as_unit("ns").to_numpy()
    except pd.errors.OutOfBoundsDatetime:
        raise DataError(f"{name} must be of the years 1678 to 2261", field=name) from None


def _bad_cell(column: "pd.Series", name: str, bad: Flags, wanted: str) -> DataError:
    row = int(np.argmax(bad))
    cell = column.tolist()[row]
    return DataError(f"column {name!r} must be {wanted}, got {short(cell)} in row {row}", field=name)
