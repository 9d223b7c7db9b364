"""What a time of day had on earlier days."""

import numpy as np
import pytest

from anomaliz.core.types import Floats
from anomaliz.models.series.rows import Rows
from anomaliz.panel.day import earlier_days, place_in_day

DAY = 24


@pytest.fixture
def values(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((12 * DAY, 3))


def test_it_is_the_daily_median_of_the_series_profile(values: Floats) -> None:
    found = earlier_days(values, DAY)[DAY : len(values)]
    np.testing.assert_array_equal(found, Rows(values, DAY).daily_median[DAY:])


def test_of_a_short_past_two_thirds_of_the_days_count(values: Floats) -> None:
    short = values[: 6 * DAY]
    row = 6 * DAY - 1
    earlier = [short[row - day * DAY + jitter, 0] for day in range(1, 5) for jitter in (-1, 0, 1)]
    assert earlier_days(short, DAY)[row, 0] == np.median(earlier)


def test_there_is_none_on_the_first_day(values: Floats) -> None:
    assert np.isnan(earlier_days(values, DAY)[: DAY - 1]).all()


def test_missing_values_are_left_out(values: Floats) -> None:
    row = 9 * DAY
    values[row - DAY - 1 : row - DAY + 2, 0] = np.nan
    others = [values[row - day * DAY + jitter, 0] for day in range(2, 8) for jitter in (-1, 0, 1)]
    assert earlier_days(values, DAY)[row, 0] == np.median(others)


def test_the_day_to_come_follows(values: Floats) -> None:
    whole = earlier_days(values, DAY)
    cut = len(values) - DAY
    # The last row's neighbour of the day before is itself still to come where the training ends.
    np.testing.assert_array_equal(
        earlier_days(values[:cut], DAY)[cut : cut + DAY - 1], whole[cut : cut + DAY - 1]
    )


def test_a_place_is_the_same_on_every_day() -> None:
    step = np.timedelta64(1, "h")
    times = np.datetime64("2026-03-01T05:00", "ns") + np.arange(30) * step
    assert place_in_day(times, step, DAY).tolist() == [(5 + i) % DAY for i in range(30)]
