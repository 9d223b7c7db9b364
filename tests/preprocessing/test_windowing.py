import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.preprocessing.windowing import complete, sliding_windows


def test_each_window_is_its_rows_in_time_order() -> None:
    values = np.arange(24.0).reshape(8, 3)
    windows = sliding_windows(values, 5)
    assert windows.shape == (4, 5, 3)
    for i, window in enumerate(windows):
        np.testing.assert_array_equal(window, values[i : i + 5])


def test_windows_are_a_view_that_cannot_be_written() -> None:
    values = np.zeros((8, 3))
    windows = sliding_windows(values, 5)
    assert np.shares_memory(windows, values)
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0, 0] = 1


def test_too_few_rows_give_no_windows() -> None:
    windows = sliding_windows(np.zeros((4, 3), dtype=np.float32), 5)
    assert windows.shape == (0, 5, 3)
    assert windows.dtype == np.float32
    assert complete(windows).shape == (0,)


def test_a_window_has_at_least_one_row() -> None:
    with pytest.raises(DataError, match="window_size must be 1 or more, got 0"):
        sliding_windows(np.zeros((4, 3)), 0)


series = arrays(
    np.float64,
    st.tuples(st.integers(1, 25), st.integers(1, 3)),
    elements=st.sampled_from([np.nan, 1, 2, 3, 4, 5, 6, 7]),
)


@given(series, st.integers(1, 6))
def test_complete_windows_are_those_without_nan(values: Floats, window_size: int) -> None:
    windows = sliding_windows(values, window_size)
    expected = [not np.isnan(window).any() for window in windows]
    assert complete(windows).tolist() == expected
    # The same windows, no longer lying one row apart in memory.
    assert complete(windows.copy()).tolist() == expected
    assert complete(windows[::2]).tolist() == expected[::2]
    assert complete(windows[::-1]).tolist() == expected[::-1]
