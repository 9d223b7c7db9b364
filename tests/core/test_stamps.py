from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import infer_step, nanoseconds_apart, parse_stamps, require_increasing, stamps_text

NEW_YEAR = np.datetime64("2024-01-01T00:00", "ns")


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-01T00:00:00Z",
        "2024-01-01 00:00:00+00:00",
        "2024-01-01T01:00:00+01:00",
        "2023-12-31T19:00:00-05:00",
        "2024-01-01T00:00:00",
        "2024-01-01",
        1704067200,
        1704067200.0,
        1704067200000,
        datetime(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5.5))),
        pd.Timestamp("2024-01-01", tz="UTC"),
    ],
)
def test_one_instant_in_every_spelling(value: object) -> None:
    times = parse_stamps([value])
    assert times.dtype == np.dtype("datetime64[ns]")
    assert times.tolist() == [NEW_YEAR.astype(int)]


def test_fractions_are_kept_to_the_microsecond() -> None:
    times = parse_stamps(["2024-01-01T00:00:00.123456Z", 1704067200.25, 1704067200001])
    assert ((times - NEW_YEAR) / np.timedelta64(1, "us")).tolist() == [123456, 250_000, 1000]


def test_order_is_kept_and_none_is_fine() -> None:
    assert parse_stamps([60, 0]).astype(int).tolist() == [60 * 10**9, 0]
    assert parse_stamps([]).shape == (0,)


@given(st.datetimes(min_value=datetime(1678, 1, 1), max_value=datetime(2261, 12, 31)))
def test_text_of_any_instant_is_read_back(moment: datetime) -> None:
    (naive,) = parse_stamps([moment.isoformat()])
    (zoned,) = parse_stamps([moment.replace(tzinfo=timezone(timedelta(hours=-3))).isoformat()])
    assert naive == np.datetime64(moment, "ns")
    assert zoned - naive == np.timedelta64(3, "h")


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.bool_(False),
        None,
        float("nan"),
        float("inf"),
        pd.NaT,
        "",
        "yesterday",
        "1704067200",
        {},
        [],
        date(2024, 1, 1),
        "9999-01-01",
        "0001-01-01T00:00:00+14:00",
        "1677-01-01",
        1704067200 * 10**6,
        1704067200 * 10**9,
        1e308,
        10**400,
        "x" * 10**6,
    ],
)
def test_what_is_no_stamp_is_refused_with_its_position(value: object) -> None:
    with pytest.raises(DataError, match=r"^when must be ISO-8601.* at position 2$") as refusal:
        parse_stamps(["2024-01-01", "2024-01-02", value], field="when")
    assert refusal.value.field == "when"
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("other", ["2024-01-03T00:00:00Z", 1704067200, datetime(2024, 1, 3, tzinfo=UTC)])
def test_stamps_with_and_without_a_zone_do_not_mix(other: object) -> None:
    with pytest.raises(DataError, match=r"zone.*position 1"):
        parse_stamps(["2024-01-02", other, "2024-01-04"])


def test_increasing_stamps_pass() -> None:
    require_increasing(parse_stamps([0, 1, 5]))
    require_increasing(parse_stamps([3]))
    require_increasing(parse_stamps([]))


def test_a_duplicate_stamp_is_named() -> None:
    with pytest.raises(
        DataError, match=r"^t must increase, but repeats 1970-01-01T00:01.* position 2"
    ) as refusal:
        require_increasing(parse_stamps([0, 60, 60, 30]), "t")
    assert refusal.value.field == "t"


def test_a_backward_stamp_is_named() -> None:
    with pytest.raises(DataError, match="goes back to 1970-01-01T00:00:30 at position 2"):
        require_increasing(parse_stamps([0, 60, 30, 30]))


def test_the_step_is_the_median_distance() -> None:
    assert infer_step(parse_stamps([0, 60, 121, 180, 240, 7000])) == np.timedelta64(60, "s")
    assert infer_step(parse_stamps([0, 0.001])) == np.timedelta64(1, "ms")


def test_a_step_needs_two_rows() -> None:
    with pytest.raises(DataError, match="two rows"):
        infer_step(parse_stamps([0]))


def test_distances_of_centuries_stay_positive() -> None:
    times = parse_stamps(["1700-01-01", "2200-01-01"])
    years = nanoseconds_apart(times) / (365.2425 * 86400e9)
    assert years == pytest.approx([500], abs=0.01)
    assert infer_step(times) > np.timedelta64(290 * 365, "D")


def test_stamps_are_written_without_loss_and_no_longer_than_needed() -> None:
    def text(*stamps: str) -> list[str]:
        return stamps_text(np.array(stamps, "datetime64[ns]"))

    assert text("2024-01-01", "2024-01-01T00:00:01") == ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"]
    assert text("2024-01-01", "2024-01-01T00:00:00.5")[0] == "2024-01-01T00:00:00.000Z"
    assert text("2024-01-01T00:00:00.000001") == ["2024-01-01T00:00:00.000001Z"]
    assert text("1969-12-31T23:59:59.000000001") == ["1969-12-31T23:59:59.000000001Z"]
    assert text() == []
