"""Sums of trailing windows."""

import numpy as np
import pytest

from anomaliz.core.types import Floats
from anomaliz.panel.rolling import divided, trailing_mean, trailing_sum


def plain(values: Floats, length: int, n: int) -> list[list[float]]:
    """Each window by itself."""
    rows = range(len(values) - n, len(values))
    windows = [values[row - length + 1 : row + 1] for row in rows]
    return [[float(np.sum(column)) for column in window.T] for window in windows]


@pytest.mark.parametrize("length", [1, 2, 3, 12, 48, 144, 1000])
def test_a_sum_is_that_of_its_window(rng: np.random.Generator, length: int) -> None:
    values = rng.standard_normal((1100, 3))
    np.testing.assert_allclose(
        trailing_sum(values, length, 7), plain(values, length, 7), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("length", [5, 48, 300])
def test_a_sum_is_the_same_to_the_last_bit_however_rows_are_cut(
    rng: np.random.Generator, length: int
) -> None:
    values = rng.standard_normal((700, 2))
    whole = trailing_sum(values, length, 400)
    for start, stop in [(0, 1), (3, 130), (399, 400)]:
        part = values[300 + start - length + 1 : 300 + stop]
        np.testing.assert_array_equal(trailing_sum(part, length, stop - start), whole[start:stop])


def test_a_mean_is_of_what_is_known() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [4.0, np.nan], [5.0, 7.0]])
    np.testing.assert_array_equal(trailing_mean(values, 3, 2), [[2.5, np.nan], [4.5, np.nan]])
    np.testing.assert_array_equal(trailing_mean(values, 3, 1, least=1), [[4.5, 7.0]])


def test_divided_by_nothing_is_unknown() -> None:
    np.testing.assert_array_equal(divided(np.array([1.0, 3.0]), np.array([0.0, 2.0])), [np.nan, 1.5])


def test_the_last_row_of_each_window_may_count_as_something_else() -> None:
    values = np.array([[1.0], [2.0], [3.0], [np.nan], [5.0]])
    last = np.array([[9.0], [np.nan], [20.0]])
    np.testing.assert_array_equal(trailing_mean(values, 3, 3, last=last), [[4.0], [2.5], [11.5]])
