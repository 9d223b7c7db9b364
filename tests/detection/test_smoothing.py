from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.types import Floats
from anomaliz.detection.smoothing import MOST_REMEMBERED, joined_means, power_means, remembered

HALF_LIVES = (2.0, 5.0)
readings = st.lists(st.floats(0, 10) | st.just(np.nan), max_size=30).map(np.array)


def obvious_mean(reading: Floats, row: int, half_life: float, before: float) -> float:
    """The definition: every known reading's third power, halved with each half-life that has passed since."""
    decay = 0.5 ** (1 / half_life)
    known = [power for power in reading[: row + 1] ** 3 if not np.isnan(power)]
    weighted = [(1 - decay) * decay**age * power for age, power in enumerate(reversed(known))]
    return float((sum(weighted) + decay ** len(known) * before) ** (1 / 3))


@given(readings, st.floats(0, 100))
def test_a_mean_is_the_sum_of_what_is_left_of_every_reading(reading: Floats, before: float) -> None:
    means, _ = power_means(reading, HALF_LIVES, np.full(2, before))
    expected = [
        [obvious_mean(reading, row, half_life, before) for half_life in HALF_LIVES]
        for row in range(len(reading))
    ]
    np.testing.assert_allclose(means, np.reshape(expected, (len(reading), 2)), rtol=1e-9, atol=1e-12)


@given(readings, st.lists(st.integers(0, 30), max_size=4).map(sorted))
def test_chunks_give_the_same_as_the_whole(reading: Floats, cuts: Sequence[int]) -> None:
    whole, after = power_means(reading, HALF_LIVES, np.zeros(2))
    state, parts = np.zeros(2), []
    for part in np.split(reading, cuts):
        means, state = power_means(part, HALF_LIVES, state)
        parts.append(means)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(state, after)


def test_a_missing_reading_leaves_the_memory_as_it_is() -> None:
    means, state = power_means(np.array([3.0, np.nan, np.nan, 1.0]), (2.0,), np.zeros(1))
    without, state_without = power_means(np.array([3.0, 1.0]), (2.0,), np.zeros(1))
    assert means[0] == means[1] == means[2]
    assert means[3] == without[1]
    assert state == state_without


def test_a_steady_reading_is_its_own_mean() -> None:
    means, _ = power_means(np.full(200, 2.5), HALF_LIVES, np.zeros(2))
    np.testing.assert_allclose(means[-1], 2.5)


def test_a_great_reading_outlives_its_half_life_less_the_longer_it_is_past() -> None:
    means, _ = power_means(np.array([8.0] + [0.0] * 6), (2.0,), np.zeros(1))
    np.testing.assert_allclose(means[2::2, 0] ** 3, means[0:-1:2, 0] ** 3 / 2)


def test_one_great_surprise_outweighs_a_run_of_mild_ones() -> None:
    great, _ = power_means(np.array([0.0] * 4 + [6.0]), (3.0,), np.zeros(1))
    mild, _ = power_means(np.full(5, 2.0), (3.0,), np.zeros(1))
    assert great[-1, 0] > mild[-1, 0]


@given(readings)
def test_what_is_remembered_is_at_most_a_multiple_of_the_reading_itself(reading: Floats) -> None:
    found, after = remembered(reading, 2.0, np.ones(1))
    means, after_means = power_means(reading, (2.0,), np.ones(1))
    expected = [min(mean, MOST_REMEMBERED * now) for mean, now in zip(means[:, 0], reading, strict=True)]
    missing = np.isnan(reading)
    np.testing.assert_array_equal(found[~missing, 0], np.array(expected)[~missing])
    assert np.isnan(found[missing]).all()
    np.testing.assert_array_equal(after, after_means)


def test_the_first_normal_row_ends_an_anomaly() -> None:
    found, _ = remembered(np.array([6.0, 6.0, 3.0, 6.0, 0.1]), 2.0, np.zeros(1))
    assert found[2, 0] > 4
    assert found[4, 0] == MOST_REMEMBERED * 0.1


def test_the_input_memory_is_left_as_it_was() -> None:
    before = np.array([1.0, 2.0])
    power_means(np.array([3.0]), HALF_LIVES, before)
    np.testing.assert_array_equal(before, [1, 2])


@pytest.mark.parametrize(
    ("columns", "joined"), [([2.0], 2.0), ([2.0, 2.0], 2.0), ([0.0, 2.0], 2 / 2 ** (1 / 3))]
)
def test_columns_join_in_their_power_mean(columns: list[float], joined: float) -> None:
    np.testing.assert_allclose(joined_means(np.array([columns, columns])), [joined, joined])
