from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from anomaliz.core.errors import DataError
from anomaliz.data.columns import label_flags, numbers, stamps_of

HOURS = pd.date_range("2024-01-01", periods=3, freq="h", tz="Europe/Paris")
INSTANTS = np.array(["2023-12-31T23:00", "2024-01-01T00:00", "2024-01-01T01:00"], dtype="datetime64[ns]")


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, None, 3], dtype="float32"),
        pd.Series([Decimal(1), None, Decimal(3)]),
        pd.Series(["1", None, "3.0"]),
        pd.Series(["1", None, "3"], dtype="category"),
        pd.Series([1, None, 3], dtype="int64[pyarrow]"),
    ],
)
def test_numbers_of_any_kind_are_floats_with_nan(column: pd.Series) -> None:
    values = numbers(column, "cpu")
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [1, np.nan, 3])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([True, False]),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([True, None], dtype="object"),
        pd.Series(HOURS),
        pd.Series(pd.to_timedelta([1, 2], unit="h")),
        pd.Series([[1], [2]]),
        pd.Series([{}, 1]),
    ],
)
def test_what_only_looks_like_numbers_is_refused(column: pd.Series) -> None:
    with pytest.raises(DataError, match=r"^column 'cpu' must be numbers") as refusal:
        numbers(column, "cpu")
    assert refusal.value.field == "cpu"


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"timestamp": HOURS}),
        pd.DataFrame({"timestamps": HOURS.tz_convert("UTC").tz_localize(None)}),
        pd.DataFrame({"timestamp": HOURS.as_unit("us")}),
        pd.DataFrame({"timestamp": HOURS.astype(str)}),
        pd.DataFrame({"timestamp": HOURS.as_unit("s").astype("int64")}),
        pd.DataFrame({"timestamp": list(HOURS.to_pydatetime())}, dtype="object"),
        pd.DataFrame(index=HOURS),
        pd.DataFrame(index=HOURS.rename("time")),
    ],
)
def test_stamps_of_any_kind_are_instants(frame: pd.DataFrame) -> None:
    times = stamps_of(frame)
    assert times is not None
    assert times.dtype == np.dtype("datetime64[ns]")
    np.testing.assert_array_equal(times, INSTANTS)


def test_nanoseconds_of_a_stamp_column_are_kept() -> None:
    times = stamps_of(pd.DataFrame({"timestamp": pd.to_datetime([1, 5])}))
    assert times is not None
    assert times.astype(int).tolist() == [1, 5]


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ([HOURS[0], pd.NaT], "got NaT at position 1"),
        (pd.Series(["3000-01-01", "3001-01-01"], dtype="datetime64[us]"), "years 1678 to 2261"),
        (pd.Series(["3000-01-01", "3001-01-01"], dtype="datetime64[us, UTC]"), "years 1678 to 2261"),
        (pd.to_timedelta([1, 2], unit="h"), "ISO-8601"),
        (HOURS[[1, 0]], "goes back"),
    ],
)
def test_stamps_that_cannot_be_used_are_refused(column: object, fault: str) -> None:
    with pytest.raises(DataError, match=fault) as refusal:
        stamps_of(pd.DataFrame({"timestamp": column}))
    assert refusal.value.field == "timestamp"


def test_stamps_in_any_order_stand_as_they_are() -> None:
    times = stamps_of(pd.DataFrame({"timestamp": HOURS[[1, 0, 0]]}), any_order=True)
    assert times is not None
    np.testing.assert_array_equal(times, INSTANTS[[1, 0, 0]])


def test_stamps_in_two_places_are_refused() -> None:
    with pytest.raises(DataError, match="stamps are in timestamp and index"):
        stamps_of(pd.DataFrame({"timestamp": HOURS}, index=HOURS))


def test_no_stamps_are_none() -> None:
    assert stamps_of(pd.DataFrame({"cpu": [1]})) is None


@pytest.mark.parametrize("cells", [[0, 1], [0.0, 1.0], [False, True], ["false", "TRUE"], [" 0", "1 "]])
def test_labels_in_every_spelling(cells: list[object]) -> None:
    assert label_flags(pd.Series(cells)).tolist() == [False, True]
