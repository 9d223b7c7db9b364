"""Tables, of a database, a file or a function, as samples of series."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Number
from reprlib import repr as short
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from anomaliz.config.settings import Section, Text
from anomaliz.core.errors import DataError
from anomaliz.core.labels import NAME, Labels
from anomaliz.core.stamps import MILLISECONDS_BEYOND, parse_stamps
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Floats, Stamps
from anomaliz.sources.gathering import Gathering

if TYPE_CHECKING:
    import pandas as pd

STAMPS = ("metric_timestamp", "timestamp", "timestamps")
METRIC_NAME, METRIC_VALUE = "metric_name", "metric_value"
NOT_METRICS = ("label", "split")
"""Columns of labelled files, which say nothing of the metrics."""
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""Text in a column of numbers that is no number and no fault."""


class Layout(Section):
    """Which columns of a table are what.

    The long form has a row for each sample: `metric_timestamp`, `metric_name`, `metric_value`, and all other
    columns are dimensions. Any other table is wide: every column of numbers is a metric, and every column of
    text a dimension. Dimensions become labels, and NULL in one no label.
    """

    timestamp: Text | None = Field(
        None, description="Column of stamps; without it `metric_timestamp`, `timestamp` or `timestamps`."
    )
    dimensions: tuple[Text, ...] | None = Field(
        None, description="Columns that become labels, where it is not those that the table's form suggests."
    )


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are."""

    stamp: str
    metrics: Sequence[str]
    dimensions: Sequence[str]
    name: str | None
    """Of the long form, the column with the metric's name."""

    @classmethod
    def of(cls, frame: "pd.DataFrame", layout: Layout) -> Self:
        """Tell the columns of `frame` apart; DataError where one is missing, or is neither."""
        if not frame.columns.is_unique:
            raise DataError("two columns have one name: rename or drop one")
        columns = [str(column) for column in frame.columns]
        # Some databases answer in capitals.
        known = {column.lower(): column for column in columns}
        stamp = _stamp_column(known, layout)
        for dimension in layout.dimensions or ():
            if dimension not in columns:
                raise _absent(dimension, columns)
        others = [column for column in columns if column != stamp and column.lower() not in NOT_METRICS]
        if METRIC_NAME in known and METRIC_VALUE in known:
            name, value = known[METRIC_NAME], known[METRIC_VALUE]
            free = [column for column in others if column not in (name, value)]
            return cls(stamp, [value], free if layout.dimensions is None else layout.dimensions, name)
        if layout.dimensions is None:
            metrics = [column for column in others if _is_metric(frame[column], column)]
            dimensions = [column for column in others if column not in metrics]
        else:
            dimensions = list(layout.dimensions)
            metrics = [column for column in others if column not in dimensions]
        if not metrics:
            raise DataError(
                "there is no column of numbers: give metric_name and metric_value, or one a metric"
            )
        return cls(stamp, metrics, dimensions, None)


def gather(frame: "pd.DataFrame", columns: Columns, into: Gathering) -> None:
    """Put the samples of `frame` into a gathering.

    Raises DataError for a row without a stamp, and for text in a column of numbers.
    """
    for column in (columns.stamp, *columns.metrics, *columns.dimensions):
        if column not in frame:
            raise _absent(column, [str(name) for name in frame.columns])
    times = _stamps(frame[columns.stamp], columns.stamp)
    labelled = [*columns.dimensions, *([columns.name] if columns.name else [])]
    series, labels = _label_sets(frame, labelled)
    for metric in columns.metrics:
        values = _numbers(frame[metric], metric)
        into.add([_named(found, columns.name, metric) for found in labels], series, times, values)


def _stamp_column(known: dict[str, str], layout: Layout) -> str:
    if layout.timestamp is not None:
        if layout.timestamp not in known.values():
            raise _absent(layout.timestamp, list(known.values()))
        return layout.timestamp
    for name in STAMPS:
        if name in known:
            return known[name]
    raise DataError(
        f"there is no column of stamps among {', '.join(map(short, known.values()))}: name it timestamp, or "
        "say which it is by `timestamp`",
        field="timestamp",
    )


def _absent(column: str, columns: Sequence[str]) -> DataError:
    near = suggestion(column, columns) or f": there are {', '.join(map(short, columns))}"
    return DataError(f"there is no column {column!r}{near}", field=column)


def _is_metric(column: "pd.Series", name: str) -> bool:
    """Whether a column holds numbers, and not text; DataError where it could be meant as either."""
    if column.dtype.kind in "iuf":
        return True
    there = column[column.notna()]
    found = [cell for cell in there if not (isinstance(cell, str) and cell.strip().lower() in MISSING)]
    if not found:
        return True
    if column.dtype.kind in "bM" or isinstance(found[0], bool | date):
        kind = "truth values" if isinstance(found[0], bool | np.bool_) else "stamps"
        raise DataError(
            f"column {name!r} holds {kind}: make it a number, leave it out, or name it in dimensions",
            field=name,
        )
    texts = [cell for cell in found if not (isinstance(cell, Number) or _is_number(cell))]
    if texts and len(texts) < len(found):
        raise DataError(
            f"column {name!r} must be numbers, got {short(texts[0])}: mend it, or name it in dimensions",
            field=name,
        )
    return not texts


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _stamps(column: "pd.Series", name: str) -> Stamps:
    import pandas as pd

    if column.isna().any():
        raise DataError(f"column {name!r} has rows without a stamp: leave them out", field=name)
    if column.dtype.kind == "M":
        return np.asarray(pd.to_datetime(column, utc=True).dt.tz_localize(None).dt.as_unit("ns"))
    places, distinct = pd.factorize(column)
    numbers = pd.to_numeric(pd.Series(distinct), errors="coerce") if _are_texts(list(distinct)) else None
    if column.dtype.kind in "iuf":
        numbers = pd.Series(distinct)
    if numbers is not None and not numbers.isna().any():
        return _epoch(numbers.to_numpy(np.float64), name)[places]
    return parse_stamps([_instant(cell) for cell in distinct], field=name)[places]


def _are_texts(cells: Sequence[object]) -> bool:
    return all(isinstance(cell, str) for cell in cells)


def _instant(cell: object) -> object:
    plain_date = isinstance(cell, date) and not isinstance(cell, datetime)
    return str(cell) if plain_date else cell


def _epoch(numbers: Floats, name: str) -> Stamps:
    """Return instants of epoch seconds, or milliseconds beyond 1e11, to the microsecond."""
    microseconds = np.where(np.abs(numbers) > MILLISECONDS_BEYOND, numbers * 1e3, numbers * 1e6)
    if not (np.abs(microseconds) < 9.2e15).all():
        raise DataError(f"column {name!r} must be stamps of the years 1678 to 2261", field=name)
    return (np.rint(microseconds).astype(np.int64) * 1000).view("datetime64[ns]")


def _label_sets(frame: "pd.DataFrame", columns: Sequence[str]) -> tuple[NDArray[np.intp], list[Labels]]:
    """Return which label set each row has, `(m,)`, and the label sets."""
    if not columns:
        return np.zeros(len(frame), np.intp), [{}]
    cells = frame[list(columns)]
    groups = cells.groupby(list(columns), dropna=False, sort=False, observed=True)
    series = groups.ngroup().to_numpy().astype(np.intp)
    _, rows = np.unique(series, return_index=True)
    found = cells.iloc[rows].itertuples(index=False, name=None)
    return series, [
        {column: _text(cell) for column, cell in zip(columns, row, strict=True) if not _is_null(cell)}
        for row in found
    ]


def _named(labels: Labels, name: str | None, metric: str) -> Labels:
    """Return labels with the metric's name at its place: of the long form, the one in column `name`."""
    if name is None:
        return {NAME: metric, **labels}
    others = {column: cell for column, cell in labels.items() if column != name}
    return {NAME: labels[name], **others} if name in labels else others


def _is_null(cell: object) -> bool:
    return cell is None or cell != cell  # NaN and NaT differ from themselves


def _text(cell: object) -> str:
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell)).lower()
    # Whole numbers beside NULL come as floats.
    if isinstance(cell, float) and math.isfinite(cell) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _numbers(column: "pd.Series", name: str) -> Floats:
    import pandas as pd

    if column.dtype.kind == "b":
        raise DataError(f"column {name!r} must be numbers, got truth values: make them numbers", field=name)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    unread = np.isnan(numbers) & column.notna().to_numpy()
    for cell in column[unread]:
        if str(cell).strip().lower() not in MISSING:
            raise DataError(f"column {name!r} must be numbers, got {short(cell)}", field=name)
    return numbers
