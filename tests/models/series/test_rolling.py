import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.core.types import Floats
from anomaliz.models.series import rolling
from anomaliz.models.series.rolling import delayed, trailing_mean, trailing_windows

series = arrays(
    np.float64, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, width=32)
)
lengths = st.integers(1, 12)


def obvious_rows(values: Floats, row: int, length: int) -> list[Floats]:
    """The row and those before it, the first one standing for what is before it."""
    return [values[max(row - back, 0)] for back in reversed(range(length))]


@given(series, lengths)
def test_a_trailing_mean_is_that_of_the_rows_there_are(values: Floats, length: int) -> None:
    means = [values[max(row - length + 1, 0) : row + 1].mean(axis=0) for row in range(len(values))]
    np.testing.assert_allclose(trailing_mean(values, length), means, rtol=1e-12, atol=1e-9)


@given(series, lengths)
def test_trailing_windows_hold_the_rows_side_by_side(values: Floats, length: int) -> None:
    windows = [np.concatenate(obvious_rows(values, row, length)) for row in range(len(values))]
    np.testing.assert_array_equal(trailing_windows(values, length), windows)


@given(series, st.integers(0, 40))
def test_delayed_rows_come_later(values: Floats, by: int) -> None:
    expected = [values[max(row - by, 0)] for row in range(len(values))]
    np.testing.assert_array_equal(delayed(values, by), expected)


@given(series, lengths, st.integers(0, 30))
def test_a_row_is_the_same_to_the_last_bit_wherever_the_array_begins(
    values: Floats, length: int, start: int
) -> None:
    start = min(start, len(values))
    whole = trailing_mean(values, length)[start + length - 1 :]
    np.testing.assert_array_equal(trailing_mean(values[start:], length)[length - 1 :], whole)


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_no_mean_depends_on_how_many_windows_are_held_at_once(
    chunk: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.standard_normal((90, 2))
    whole = trailing_mean(values, 6)
    monkeypatch.setattr(rolling, "CHUNK", chunk)
    np.testing.assert_array_equal(trailing_mean(values, 6), whole)


def test_no_rows_give_none() -> None:
    nothing = np.empty((0, 2))
    assert trailing_mean(nothing, 3).shape == delayed(nothing, 3).shape == (0, 2)
    assert trailing_windows(nothing, 3).shape == (0, 6)
