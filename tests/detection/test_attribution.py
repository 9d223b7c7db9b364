import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.detection.attribution import SCALE_FLOOR, contributions, residual_scale

errors = arrays(np.float64, (5, 3), elements=st.floats(0, 1e6))


@given(errors, errors)
def test_contributions_sum_to_one(one: np.ndarray, other: np.ndarray) -> None:
    shares = contributions([one, other], [residual_scale(one), residual_scale(other)], 5, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all()


def test_each_feature_counts_by_its_own_scale() -> None:
    shares = contributions([np.array([[1.0, 1.0]])], [np.array([1.0, 0.25])], 1, 2)
    np.testing.assert_allclose(shares, [[0.2, 0.8]])


def test_without_residuals_the_shares_are_equal() -> None:
    np.testing.assert_allclose(contributions([np.zeros((1, 4))], [np.ones(4)], 1, 4), 0.25)
    np.testing.assert_allclose(contributions([], [], 2, 5), 0.2)


def test_a_feature_that_was_constant_keeps_a_positive_scale() -> None:
    assert residual_scale(np.zeros((100, 2))).tolist() == [SCALE_FLOOR, SCALE_FLOOR]
