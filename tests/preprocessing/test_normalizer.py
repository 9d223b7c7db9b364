import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.types import Floats
from anomaliz.preprocessing.normalizer import CLIP_HIGH, CLIP_LOW, RangeNormalizer

TRAINING = np.array([[1.0, 50.0], [3.0, np.nan], [2.0, 100.0]])


def test_the_training_range_becomes_zero_to_one() -> None:
    normalised = RangeNormalizer.fit(TRAINING).transform(TRAINING)
    assert normalised.dtype == np.float32
    np.testing.assert_array_equal(normalised, np.float32([[0, 0], [1, np.nan], [0.5, 1]]))


def test_what_lies_far_outside_is_clipped() -> None:
    normalizer = RangeNormalizer.fit(TRAINING)
    assert normalizer.transform([[1e308, -1e308]]).tolist() == [[CLIP_HIGH, CLIP_LOW]]
    assert normalizer.transform([[5.0, 25.0]]).tolist() == [[2.0, -0.5]]


@pytest.mark.parametrize(("value", "span"), [(0.0, 0.01), (0.05, 0.01), (-30.0, 3.0), (1e-40, 0.01)])
def test_a_constant_feature_gets_a_range(value: float, span: float) -> None:
    normalizer = RangeNormalizer.fit(np.full((3, 1), value))
    assert normalizer.span == pytest.approx([span])
    assert normalizer.transform([[value], [value + span]])[:, 0] == pytest.approx([0, 1])


@pytest.mark.parametrize("values", [[5e-324, 0.0], [1e-31, 2e-31], [1e9, 1e9 + 1e-4], [0.1 + 0.2, 0.3]])
def test_a_range_of_rounding_errors_is_a_constant(values: list[float]) -> None:
    normalizer = RangeNormalizer.fit(np.array([values]).T)
    assert normalizer.span[0] >= 0.01


def test_windows_are_normalised_as_their_rows_are() -> None:
    normalizer = RangeNormalizer.fit(TRAINING)
    windows = np.random.default_rng(7).normal(size=(4, 5, 2))
    rows = normalizer.transform(windows.reshape(20, 2))
    np.testing.assert_array_equal(normalizer.transform(windows), rows.reshape(4, 5, 2))


@given(arrays(np.float64, (6, 2), elements=st.floats(-1e300, 1e300)))
def test_whatever_it_learns_from_it_keeps_finite_and_gives_back(values: Floats) -> None:
    normalizer = RangeNormalizer.fit(values)
    normalised = normalizer.transform(values)
    assert ((normalised >= 0) & (normalised <= 1)).all()
    tolerance = 1e-6 * normalizer.span + 1e-12 * np.abs(values)
    given_back = normalised.astype(np.float64) * normalizer.span + normalizer.low
    assert (np.abs(given_back - values) <= tolerance).all()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.empty((0, 2)), "no rows"),
        ([[1, np.nan], [2, np.nan]], "feature memory has no values"),
        ([[1, 2], [2, np.inf]], "feature memory has values beyond"),
        ([[1, 2], [2, -1e301]], "feature memory has values beyond"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(values: Any, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        RangeNormalizer.fit(values, ("cpu", "memory"))


def test_an_unnamed_feature_is_counted() -> None:
    with pytest.raises(DataError, match="feature number 2 "):
        RangeNormalizer.fit(np.array([[1, np.nan]]))


def test_other_features_are_refused() -> None:
    normalizer = RangeNormalizer.fit(TRAINING)
    with pytest.raises(DataError, match="takes 2 features"):
        normalizer.transform(np.zeros((4, 1)))


def test_json_keeps_every_bit() -> None:
    normalizer = RangeNormalizer.fit(np.random.default_rng(7).normal(size=(50, 4)))
    read = RangeNormalizer.from_json(json.loads(json.dumps(normalizer.to_json())))
    np.testing.assert_array_equal(read.low, normalizer.low)
    np.testing.assert_array_equal(read.span, normalizer.span)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"low": [1]},
        {"low": [1], "span": ["wide"]},
        {"low": [1], "span": [None]},
        {"low": [1], "span": [0]},
        {"low": [1], "span": [1, 2]},
        {"low": [[1]], "span": [[1]]},
        {"low": [float("inf")], "span": [1]},
        {"low": [1], "span": [float("inf")]},
        [1, 2],
    ],
)
def test_other_json_is_refused(content: Any) -> None:
    with pytest.raises(BundleError, match="normalizer"):
        RangeNormalizer.from_json(content)
