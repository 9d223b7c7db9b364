import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats, Stamps
from anomaliz.preprocessing.gaps import forward_fill, insert_gaps

MINUTE = np.timedelta64(1, "m")


def minutes(*numbers: float) -> Stamps:
    return np.datetime64("2024-01-01", "ns") + np.array(np.array(numbers) * 60e9, dtype="timedelta64[ns]")


def column(*values: float) -> Floats:
    return np.array(values)[:, np.newaxis]


def test_missing_rows_become_nan() -> None:
    values, times, positions = insert_gaps(column(1, 2, 3), minutes(0, 1, 4), MINUTE, most=10)
    np.testing.assert_array_equal(values, column(1, 2, np.nan, np.nan, 3))
    np.testing.assert_array_equal(times, minutes(0, 1, 2, 3, 4))
    assert positions.tolist() == [0, 1, 4]


def test_jitter_keeps_its_stamps() -> None:
    given_times = minutes(0, 1.4, 2.1, 3.59)
    values, times, positions = insert_gaps(column(1, 2, 3, 4), given_times, MINUTE, most=10)
    np.testing.assert_array_equal(values, column(1, 2, 3, 4))
    np.testing.assert_array_equal(times, given_times)
    assert positions.tolist() == [0, 1, 2, 3]


def test_a_gap_begins_at_one_and_a_half_steps() -> None:
    values, times, _ = insert_gaps(column(1, 2), minutes(0, 1.5), MINUTE, most=10)
    np.testing.assert_array_equal(values, column(1, np.nan, 2))
    np.testing.assert_array_equal(times, minutes(0, 1, 1.5))


def test_a_gap_of_centuries_costs_few_rows() -> None:
    times = np.array(["1700-01-01", "2200-01-01"], dtype="datetime64[ns]")
    values, stamps, positions = insert_gaps(column(1, 2), times, np.timedelta64(1, "s"), most=3)
    assert values.shape == (5, 1)
    assert positions.tolist() == [0, 4]
    assert (np.diff(stamps[:4]) == np.timedelta64(1, "s")).all()


@pytest.mark.parametrize("n", [0, 1])
def test_short_series_have_no_gaps(n: int) -> None:
    values, times, positions = insert_gaps(np.ones((n, 2)), minutes(*range(n)), MINUTE, most=3)
    assert values.shape == (n, 2)
    assert times.shape == positions.shape == (n,)


def test_a_step_that_is_not_positive_is_refused() -> None:
    with pytest.raises(DataError, match="step must be"):
        insert_gaps(column(1), minutes(0), np.timedelta64(0, "s"), most=3)


@given(st.lists(st.floats(0.1, 8), max_size=30), st.integers(0, 5))
def test_given_rows_are_found_at_their_positions(distances: list[float], most: int) -> None:
    given_times = minutes(0, *np.cumsum(distances))
    given_values = np.arange(2.0 * len(given_times)).reshape(-1, 2)
    values, times, positions = insert_gaps(given_values, given_times, MINUTE, most=most)
    np.testing.assert_array_equal(values[positions], given_values)
    np.testing.assert_array_equal(times[positions], given_times)
    assert np.isnan(np.delete(values, positions, axis=0)).all()
    assert (np.diff(times) > np.timedelta64(0, "ns")).all()
    assert (np.diff(positions) <= most + 1).all()


def test_a_value_stands_for_limit_rows() -> None:
    values = column(np.nan, 1, np.nan, np.nan, np.nan, 2, np.nan)
    np.testing.assert_array_equal(forward_fill(values, 2), column(np.nan, 1, 1, 1, np.nan, 2, 2))
    np.testing.assert_array_equal(forward_fill(values, 0), values)
    assert forward_fill(values[:0], 2).shape == (0, 1)


def test_the_given_values_are_left_alone() -> None:
    values = column(1, np.nan)
    forward_fill(values, 5)[0] = 9
    np.testing.assert_array_equal(values, column(1, np.nan))


series = arrays(
    np.float64, st.tuples(st.integers(0, 20), st.integers(1, 3)), elements=st.sampled_from([np.nan, 1, 2, 3])
)


@given(series, st.integers(0, 6))
def test_filling_agrees_with_a_walk_along_each_feature(values: Floats, limit: int) -> None:
    expected = values.copy()
    for feature in expected.T:
        last, age = np.nan, 0
        for row, value in enumerate(feature):
            last, age = (last, age + 1) if np.isnan(value) else (value, 0)
            feature[row] = last if age <= limit else np.nan
    np.testing.assert_array_equal(forward_fill(values, limit), expected)


@given(series, st.integers(0, 6), st.integers(0, 20))
def test_filling_knows_nothing_of_the_future(values: Floats, limit: int, now: int) -> None:
    np.testing.assert_array_equal(forward_fill(values[:now], limit), forward_fill(values, limit)[:now])
