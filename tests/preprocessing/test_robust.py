import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.preprocessing.robust import FARTHEST, LEAST_SHARE, RobustNormalizer


def test_the_median_becomes_zero_and_the_spread_one(rng: np.random.Generator) -> None:
    values = rng.normal([50, -3], [4, 0.1], (20_000, 2))
    normalised = RobustNormalizer.fit(values).transform(values)
    np.testing.assert_allclose(np.median(normalised, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(normalised.std(axis=0), 1, rtol=0.03)


def test_anomalies_in_training_hardly_widen_the_spread(rng: np.random.Generator) -> None:
    clean = rng.normal(size=(1000, 1))
    dirty = clean.copy()
    dirty[:3] = 30
    spread, widened = (RobustNormalizer.fit(values).spread[0] for values in (clean, dirty))
    assert widened == pytest.approx(spread, rel=0.02)
    assert dirty.std() > 1.5 * clean.std()


def test_missing_values_are_left_out() -> None:
    values = np.array([[1.0, np.nan], [2.0, 10.0], [3.0, 30.0], [np.nan, 20.0]])
    normalizer = RobustNormalizer.fit(values)
    np.testing.assert_array_equal(normalizer.centre, [2, 20])
    np.testing.assert_array_equal(np.isnan(normalizer.transform(values)), np.isnan(values))


def test_a_series_that_mostly_stands_still_has_a_spread() -> None:
    values = np.zeros((100, 1))
    values[:10] = 5
    assert RobustNormalizer.fit(values).spread[0] == pytest.approx(LEAST_SHARE * values.std())


@pytest.mark.parametrize(("value", "spread"), [(0.0, 0.01), (0.05, 0.01), (-30.0, 3.0), (1e9, 1e8)])
def test_a_constant_feature_gets_a_tenth_of_its_value(value: float, spread: float) -> None:
    assert RobustNormalizer.fit(np.full((3, 1), value)).spread == pytest.approx([spread])


@pytest.mark.parametrize("values", [[1e9, 1e9 + 1e-7, 1e9], [0.1 + 0.2, 0.3, 0.3]])
def test_rounding_errors_are_a_constant(values: list[float]) -> None:
    assert RobustNormalizer.fit(np.array([values]).T).spread[0] >= 0.01


def test_what_lies_far_outside_is_clipped() -> None:
    normalizer = RobustNormalizer.fit(np.arange(9.0)[:, np.newaxis])
    assert normalizer.transform(np.array([[1e308], [-1e308]])).tolist() == [[FARTHEST], [-FARTHEST]]


@given(arrays(np.float64, (6, 2), elements=st.floats(-1e100, 1e100)))
def test_whatever_it_learns_from_it_keeps_finite_and_gives_back(values: Floats) -> None:
    normalizer = RobustNormalizer.fit(values)
    normalised = normalizer.transform(values)
    assert np.isfinite(normalised).all()
    tolerance = 1e-9 * (np.abs(values) + normalizer.spread)
    assert (np.abs(normalizer.invert(normalised) - values) <= tolerance).all()


def test_values_as_large_as_the_range_normaliser_takes_have_a_spread() -> None:
    normalised = RobustNormalizer.fit(np.array([[1e300], [0.0], [-1e300]])).transform(np.array([[1e300]]))
    assert 0.1 < normalised[0, 0] < FARTHEST


@pytest.mark.parametrize("values", [np.empty((0, 2)), np.array([[1, np.nan], [2, np.nan]])])
def test_a_feature_without_values_is_refused(values: Floats) -> None:
    with pytest.raises(DataError, match="needs a value of every feature"):
        RobustNormalizer.fit(values)


def test_json_keeps_every_bit(rng: np.random.Generator) -> None:
    normalizer = RobustNormalizer.fit(rng.normal(size=(50, 4)))
    read = RobustNormalizer.from_json(json.loads(json.dumps(normalizer.to_json())))
    np.testing.assert_array_equal(read.centre, normalizer.centre)
    np.testing.assert_array_equal(read.spread, normalizer.spread)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"centre": [1]},
        {"centre": [1], "spread": ["wide"]},
        {"centre": [1], "spread": [None]},
        {"centre": [1], "spread": [0]},
        {"centre": [1], "spread": [1, 2]},
        {"centre": 1, "spread": 1},
        {"centre": [float("inf")], "spread": [1]},
    ],
)
def test_other_json_is_refused(content: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        RobustNormalizer.from_json(content)
