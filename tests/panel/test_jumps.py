"""How far values jump from the rows just before them."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.panel.jumps import BEFORE, largest_jumps, level_before, winsorized


def column(*values: float) -> Floats:
    return np.array(values, np.float64)[:, np.newaxis]


def test_a_level_is_the_median_of_the_rows_before(rng: np.random.Generator) -> None:
    values = rng.standard_normal((60, 3))
    expected = [np.median(values[row - BEFORE : row], axis=0) for row in range(BEFORE, 60)]
    np.testing.assert_array_equal(level_before(values)[BEFORE:], expected)


def test_two_strange_rows_do_not_move_it_and_three_do() -> None:
    values = column(1, 2, 3, 4, 5, 900, 900, 900, 6)
    assert level_before(values)[[7, 8], 0].tolist() == [5, 900]


def test_it_lies_within_what_is_known() -> None:
    values = column(1, np.nan, 3, np.nan, np.nan, 7)
    assert np.isnan(level_before(values)[0, 0])
    assert 1 <= level_before(values)[5, 0] <= 3
    assert np.isnan(level_before(np.full((9, 1), np.nan))).all()


def test_one_spike_among_rows_that_are_partly_missing_does_not_move_it() -> None:
    for missing in range(4):
        values = column(1, 1, 1, 1, 900, 1)
        values[missing] = np.nan
        assert level_before(values)[5, 0] == 1


def test_only_few_normal_rows_jump_farther_than_the_largest(rng: np.random.Generator) -> None:
    values = rng.standard_normal((2000, 2))
    values[500, 0] = 1e3
    jumps = np.abs(values - level_before(values))
    largest = largest_jumps(values)
    assert (largest < 6).all()
    assert ((np.nan_to_num(jumps) > largest).mean(axis=0) < 0.01).all()
    assert largest_jumps(np.full((50, 1), 3.0)).tolist() == [0]


def test_a_jump_is_cut_off_where_it_is_large_and_a_level_that_lasts_is_not() -> None:
    values = column(*[0.0] * BEFORE, 100, 0, *[0.0] * BEFORE, *[50.0] * 6)
    found = winsorized(values, level_before(values), np.array([2.0]))
    assert found[:, 0].tolist() == [0] * BEFORE + [2, 0] + [0] * BEFORE + [2, 2, 2, 50, 50, 50]


def test_what_has_no_level_is_as_it_is() -> None:
    values = column(100, np.nan, 100)
    np.testing.assert_array_equal(winsorized(values, level_before(values), np.zeros(1)), values)
