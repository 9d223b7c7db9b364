"""What columns of a table are."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from anomaliz.core.errors import DataError
from anomaliz.core.labels import NAME
from anomaliz.sources.gathering import Gathering
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings, joined
from anomaliz.sources.table import Columns, Layout, gather

START = np.datetime64("2026-01-05", "ns")
HOUR = np.timedelta64(1, "h")
EPOCH = 1_767_571_200


def read(frame: pd.DataFrame, **layout: object) -> Readings:
    gathering = Gathering(Grid.of(START, START + 2 * HOUR, HOUR))
    gather(frame, Columns.of(frame, Layout(**layout)), gathering)  # type: ignore[arg-type]
    return joined(gathering.readings(10))


@pytest.mark.parametrize(
    "stamps",
    [
        ["2026-01-05", "2026-01-05 01:00"],
        ["2026-01-05T01:00:00+01:00", "2026-01-05T01:00:00Z"],
        [EPOCH, EPOCH + 3600],
        [EPOCH * 1000.0, EPOCH * 1000.0 + 3_600_000],
        [str(EPOCH), str(EPOCH + 3600)],
        [datetime(2026, 1, 5), datetime(2026, 1, 5, 1)],
        [datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 5, 1, tzinfo=UTC)],
        pd.date_range("2026-01-05", periods=2, freq="h"),
        pd.date_range("2026-01-05 01:00", periods=2, freq="h", tz="Europe/Berlin"),
    ],
    ids=str,
)
def test_stamps_may_be_written_as_people_write_them(stamps: object) -> None:
    assert read(pd.DataFrame({"timestamp": stamps, "x": [1, 2]})).values.tolist() == [[1], [2]]


def test_dates_are_their_midnights() -> None:
    frame = pd.DataFrame({"timestamp": [date(2026, 1, 5)], "x": [1]})
    assert read(frame).values[0, 0] == 1


@pytest.mark.parametrize("column", ["metric_timestamp", "timestamp", "timestamps", "TIMESTAMP"])
def test_a_column_of_stamps_is_known_by_its_name(column: str) -> None:
    assert read(pd.DataFrame({column: [EPOCH], "x": [1]})).labels == ({NAME: "x"},)


def test_numbers_may_be_decimals_and_text() -> None:
    frame = pd.DataFrame(
        {"timestamp": [EPOCH, EPOCH + 3600], "d": [Decimal("1.5"), None], "t": ["2", "NaN"], "label": [0, 1]}
    )
    found = read(frame)
    assert found.labels == ({NAME: "d"}, {NAME: "t"})
    assert np.array_equal(found.values, [[1.5, 2.0], [np.nan, np.nan]], equal_nan=True)


def test_dimensions_are_text_and_null_is_no_label() -> None:
    frame = pd.DataFrame(
        {"timestamp": [EPOCH] * 3, "x": [1, 2, 3], "shop": [7, None, 8], "open": [True, False, True]}
    )
    found = read(frame, dimensions=("shop", "open"))
    assert found.labels == (
        {NAME: "x", "shop": "7", "open": "true"},
        {NAME: "x", "open": "false"},
        {NAME: "x", "shop": "8", "open": "true"},
    )


def test_columns_in_capitals_are_the_long_form_too() -> None:
    frame = pd.DataFrame(
        {"METRIC_TIMESTAMP": [EPOCH], "METRIC_NAME": ["n"], "METRIC_VALUE": [1], "REGION": ["eu"]}
    )
    assert read(frame).labels == ({NAME: "n", "REGION": "eu"},)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([True], "holds truth values"),
        ([datetime(2026, 1, 5)], "holds stamps"),
        (["x"], "no column of numbers"),
    ],
)
def test_a_column_that_could_be_either_is_refused(column: list[object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(pd.DataFrame({"timestamp": [EPOCH], "x": column}))


def test_text_among_numbers_is_refused() -> None:
    with pytest.raises(DataError, match="column 'x' must be numbers, got 'oops'"):
        read(pd.DataFrame({"timestamp": [EPOCH, EPOCH + 1], "x": ["1", "oops"]}))


def test_stamps_of_other_centuries_are_refused() -> None:
    with pytest.raises(DataError, match="1678 to 2261"):
        read(pd.DataFrame({"timestamp": [1e18], "x": [1]}))
