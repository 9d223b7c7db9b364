import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.errors import DataError
from anomaliz.sources.grid import Grid

START = np.datetime64("2026-01-01T00:00:00", "ns")
MINUTE = np.timedelta64(60, "s")


def grid(minutes: float) -> Grid:
    return Grid.of(START, START + np.timedelta64(round(minutes * 60), "s"), MINUTE)


@pytest.mark.parametrize(("minutes", "stamps"), [(0, 0), (-5, 0), (1, 1), (1.5, 2), (2, 2), (60, 60)])
def test_the_end_is_left_out(minutes: float, stamps: int) -> None:
    times = grid(minutes).times
    assert len(times) == len(grid(minutes)) == stamps
    assert np.array_equal(times, START + np.arange(stamps) * MINUTE)


@given(st.floats(0, 100), st.integers(1, 40))
def test_parts_are_the_grid_in_pieces(minutes: float, size: int) -> None:
    parts = list(grid(minutes).parts(size))
    assert all(0 < len(part) <= size for part in parts)
    assert np.array_equal(np.concatenate([part.times for part in parts] or [[]]), grid(minutes).times)
    assert not parts or parts[-1].end == grid(minutes).end


def test_a_stamp_has_the_newest_sample_of_its_interval() -> None:
    seconds = np.array([-1, 0, 59, 30, 60, 125, 170, 200])
    values = np.array([9, 1, 3, 2, 4, 5, np.nan, 9.0])
    assert grid(3).newest(START + seconds * np.timedelta64(1, "s"), values).tolist() == [3, 4, 5]


def test_a_stamp_without_a_sample_is_missing() -> None:
    newest = grid(3).newest(START + np.array([61]) * np.timedelta64(1, "s"), np.array([4.0]))
    assert np.isnan(newest).tolist() == [True, False, True]


@pytest.mark.parametrize("step", [np.timedelta64(0, "s"), np.timedelta64(-1, "s"), np.timedelta64("NaT")])
def test_step_has_to_be_positive(step: np.timedelta64) -> None:
    with pytest.raises(DataError, match="step must be positive"):
        Grid.of(START, START + MINUTE, step)


def test_ends_have_to_be_stamps() -> None:
    with pytest.raises(DataError, match="NaT"):
        Grid.of(START, np.datetime64("NaT"), MINUTE)
