from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.agent.opinion.excerpt import Excerpt
from anomaliz.agent.opinion.joining import row_of
from anomaliz.data.dataset import Dataset

STEP = 300
OFFSET = 240
"""Rows are four minutes past a multiple of their step: cut off, a stamp is nearer to the row before."""
FIRST = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(seconds=OFFSET)


def excerpt_of(values: list[float]) -> Excerpt:
    times = np.datetime64(FIRST.replace(tzinfo=None), "ns") + np.arange(len(values)) * np.timedelta64(
        STEP, "s"
    )
    return Excerpt.of(Dataset(np.array(values)[:, None], times, ("value",)), 1000)


EXCERPT = excerpt_of([1.0, 2.0, 3.0, 40.0, 5.0, 6.0])


@pytest.mark.parametrize(
    "stamp",
    [
        "2024-03-01T00:19:00Z",
        "2024-03-01T00:19:00",
        "2024-03-01T00:19",
        "2024-03-01 00:19:00",
        "2024-03-01 00:19:00 UTC",
        "2024-03-01 00:19 gmt",
        "2024/03/01 00:19:00",
        "2024-03-01T00:19:00.000000+00:00",
        "2024-03-01T05:49:00+05:30",
        "20240301T001900Z",
        ' "2024-03-01T00:19:00Z" ',
        1709252340,
        1709252340.0,
        1709252340000,
        "1709252340",
        "1709252340.0",
        "1709252340000",
        # Rounded to a minute or so, as a person would write it.
        "2024-03-01 00:20",
        "2024-03-01T00:18:30Z",
        1709252400,
    ],
)
def test_a_stamp_is_joined_whatever_its_format(stamp: str | float) -> None:
    assert row_of(EXCERPT, stamp) == 3


@pytest.mark.parametrize(
    "stamp",
    [
        "2024-03-02T00:19:00Z",
        "2024-02-29T23:59:00Z",
        "2024-03-01T00:32:00Z",
        "2023-03-01 00:19",
        "yesterday",
        "00:19",
        "row 3",
        "3",
        "",
        "2024-03-01T25:19:00Z",
        3,
        -1.0,
        float("nan"),
        float("inf"),
        1e300,
        "9" * 500,
    ],
)
def test_a_stamp_of_no_row_is_unknown(stamp: str | float) -> None:
    assert row_of(EXCERPT, stamp) is None


def test_a_stamp_that_is_cut_off_to_the_step_is_told_by_its_value() -> None:
    assert row_of(EXCERPT, "2024-03-01T00:15:00Z") == 2
    assert row_of(EXCERPT, "2024-03-01T00:15:00Z", 40.0) == 3
    assert row_of(EXCERPT, "2024-03-01T00:15:00Z", 39.0) == 2


def test_a_stamp_that_is_right_outweighs_the_value() -> None:
    assert row_of(EXCERPT, "2024-03-01T00:14:00Z", 40.0) == 2


@given(row=st.integers(0, 5), away=st.floats(-0.49, 0.49), milliseconds=st.booleans(), as_text=st.booleans())
def test_every_rounding_within_half_a_step_comes_back(
    row: int, away: float, milliseconds: bool, as_text: bool
) -> None:
    seconds = FIRST.timestamp() + STEP * (row + away)
    number = round(seconds * 1000) if milliseconds else seconds
    assert row_of(EXCERPT, str(number) if as_text else number) == row
