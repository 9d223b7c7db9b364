import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.core.types import Flags, Floats
from anomaliz.models.series.rows import Rows, daily_reach

series = arrays(
    np.float64, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, width=32)
)
periods = st.integers(2, 6)


def obvious_daily_median(values: Floats, period: int) -> Floats:
    """The definition, row by row."""
    return np.array([_obvious_median(values, row, period) for row in range(len(values))])


def _obvious_median(values: Floats, row: int, period: int) -> Floats:
    same_time = [row - day * period + jitter for day in range(1, 8) for jitter in (-1, 0, 1)]
    there = [values[earlier] for earlier in same_time if earlier >= 0]
    return np.median(there, axis=0) if there else values[max(row - 1, 0)]


@given(series, periods)
def test_the_daily_median_is_that_of_the_same_time_of_seven_days(values: Floats, period: int) -> None:
    expected = obvious_daily_median(values, period)
    np.testing.assert_allclose(Rows(values, period).daily_median, expected, rtol=1e-12)


@given(series, periods, st.integers(0, 59))
def test_a_row_with_enough_rows_before_it_does_not_know_where_the_array_begins(
    values: Floats, period: int, start: int
) -> None:
    whole = Rows(values, period).daily_median[start + daily_reach(period) :]
    part = Rows(values[start:], period).daily_median[daily_reach(period) :]
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("period", [1, 2, 3, 24])
def test_neither_a_row_nor_a_later_one_counts_in_what_is_expected_of_it(
    period: int, rng: np.random.Generator
) -> None:
    values = rng.standard_normal((200, 1))
    for row in range(1, 190, 9):
        higher, lower = values.copy(), values.copy()
        higher[row:], lower[row:] = 99, -99
        expected = Rows(lower, period).daily_median[: row + 1]
        np.testing.assert_array_equal(Rows(higher, period).daily_median[: row + 1], expected)


def test_one_strange_day_in_seven_leaves_the_median_alone() -> None:
    days = np.tile(np.arange(24.0), 8)[:, np.newaxis]
    days[3 * 24 : 4 * 24] = 99
    np.testing.assert_array_equal(Rows(days, 24).daily_median[7 * 24 + 1 : -1, 0], np.arange(1, 23))


def test_as_many_rows_as_values() -> None:
    assert len(Rows(np.zeros((5, 2)), 0)) == 5
    assert Rows(np.empty((0, 2)), 3).daily_median.shape == (0, 2)


@given(st.lists(st.booleans(), max_size=30).map(lambda flags: np.array(flags, bool)), st.integers(1, 40))
def test_a_window_is_normal_when_all_of_its_rows_are(normal: Flags, length: int) -> None:
    rows = Rows(np.zeros((len(normal), 1)), 0, normal)
    expected = [bool(normal[max(row - length + 1, 0) : row + 1].all()) for row in range(len(normal))]
    assert rows.normal_for(length).tolist() == expected


def test_unless_told_otherwise_all_rows_are_normal() -> None:
    assert Rows(np.zeros((3, 1)), 0).normal.tolist() == [True, True, True]
