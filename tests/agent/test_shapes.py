from collections.abc import Callable

import numpy as np
import pytest

from anomaliz.agent.shapes import LONGEST, shape_of
from anomaliz.core.types import Floats

Make = Callable[[Floats, np.random.Generator], None]


def spike(values: Floats, rng: np.random.Generator) -> None:
    values[-rng.integers(1, 4) :] += rng.uniform(8, 100)


def drop(values: Floats, rng: np.random.Generator) -> None:
    values[-rng.integers(1, 4) :] -= rng.uniform(8, 14)


def level_shift(values: Floats, rng: np.random.Generator) -> None:
    values[-rng.integers(4, max(5, len(values) // 2)) :] += rng.choice([-1, 1]) * rng.uniform(6, 10)


def drift(values: Floats, rng: np.random.Generator) -> None:
    rows = rng.integers(5, max(6, len(values) // 2))
    values[-rows:] += np.linspace(0, rng.choice([-1, 1]) * rng.uniform(12, 60), rows)


def flat_line(values: Floats, rng: np.random.Generator) -> None:
    rows = rng.integers(4, len(values) - 3)
    values[-rows:] = values[-rows]


def variance_change(values: Floats, rng: np.random.Generator) -> None:
    rows = rng.integers(5, max(6, len(values) // 2))
    values[-rows:] += rng.normal(0, 10, rows)


@pytest.mark.parametrize("length", [10, 20, 60])
@pytest.mark.parametrize("make", [spike, drop, level_shift, drift, flat_line, variance_change])
def test_what_was_put_in_is_seen(make: Make, length: int) -> None:
    rng = np.random.default_rng(length)
    right = 0
    for _ in range(100):
        values = 15 + rng.normal(0, 1, length)
        make(values, rng)
        right += shape_of(values).kind == make.__name__
    # Ten rows of noise are little to tell a greater noise from.
    assert right >= (75 if make is variance_change and length == 10 else 95)


def test_noise_alone_mostly_has_no_shape() -> None:
    rng = np.random.default_rng(0)
    assert sum(shape_of(rng.normal(0, 1, 60)).kind == "unknown" for _ in range(100)) >= 75


def test_a_step_is_told_with_its_length_and_levels() -> None:
    values = np.array([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 5.0, 5.1, 4.9, 5.0, 5.0])
    shape = shape_of(values)
    assert (shape.kind, shape.rows) == ("level_shift", 5)
    assert (shape.before, shape.after) == (pytest.approx(1.0), pytest.approx(5.0))


def test_a_scale_or_an_offset_changes_nothing() -> None:
    values = np.array([0.1, -0.2, 0.0, 0.1, -0.1, 0.2, 0.0, 0.1, -0.1, 9.0])
    for scaled in (values * 1e-12, values * 1e12, values + 1e9, values * -1):
        assert shape_of(scaled).kind == ("drop" if scaled[-1] < 0 else "spike")
        assert shape_of(scaled).rows == 1


def test_the_largest_and_the_smallest_numbers_have_a_shape_too() -> None:
    values = np.array([0.1, -0.2, 0.0, 0.1, -0.1, 0.2, 0.0, 0.1, -0.1, 1.0])
    assert shape_of(values * 1.7e308).kind == "spike"
    assert shape_of(np.where(values > 0.5, 1.7e308, -1.7e308)).kind == "spike"
    assert shape_of(np.where(values > 0.5, 5e-324, 0.0)).kind in ("spike", "unknown")


def test_a_metric_of_few_values_does_not_stand_still() -> None:
    values = np.array([0.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    assert shape_of(values).kind != "flat_line"


def test_a_constant_is_a_flat_line_with_nothing_before() -> None:
    shape = shape_of(np.full(10, 3.0))
    assert (shape.kind, shape.rows, shape.after) == ("flat_line", 10, 3.0)
    assert np.isnan(shape.before)


def test_missing_values_are_passed_over() -> None:
    values = np.array([1.0, 1.1, np.nan, 0.9, 1.0, 1.1, 0.9, np.nan, 9.0])
    assert shape_of(values).kind == "spike"
    assert shape_of(np.full(9, np.nan)).kind == "unknown"


@pytest.mark.parametrize("n", range(5))
def test_too_few_values_have_no_shape(n: int) -> None:
    assert shape_of(np.arange(n, dtype=float) * 100).kind == "unknown"


def test_only_the_newest_rows_count() -> None:
    values = np.concatenate([np.full(100, 1e6), np.random.default_rng(1).normal(0, 1, LONGEST)])
    values[-1] = 30
    assert (shape_of(values).kind, shape_of(values).rows) == ("spike", 1)
