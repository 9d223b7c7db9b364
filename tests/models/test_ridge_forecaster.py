import numpy as np
import pytest

from anomaliz.models.ridge_forecaster import RidgeForecaster
from anomaliz.preprocessing.windowing import sliding_windows

TURN = np.array([[0.8, -0.6], [0.6, 0.8]])


@pytest.fixture
def turning(rng: np.random.Generator) -> np.ndarray:
    """Windows of a point that goes round on a circle, pushed a little at each step."""
    rows = [np.array([1.0, 0.0])]
    for push in rng.normal(0, 0.01, (600, 2)):
        rows.append(TURN @ rows[-1] + push)
    return sliding_windows(np.array(rows), 5).astype(np.float32)


def test_a_linear_law_is_found(turning: np.ndarray) -> None:
    detector = RidgeForecaster(penalty=1e-3).fit(turning[:400])
    np.testing.assert_allclose(detector.expected(turning[400:]), turning[400:, -2] @ TURN.T, atol=0.01)


def test_the_error_is_the_root_mean_square_residual(turning: np.ndarray) -> None:
    detector = RidgeForecaster().fit(turning)
    residual = turning[:, -1] - detector.expected(turning)
    np.testing.assert_allclose(detector.errors(turning), np.sqrt((residual**2).mean(axis=1)), rtol=1e-6)


def test_a_large_penalty_leaves_the_mean(turning: np.ndarray) -> None:
    expected = RidgeForecaster(penalty=1e9).fit(turning).expected(turning)
    np.testing.assert_allclose(expected - turning[:, -1].mean(axis=0), 0, atol=1e-4)


def test_more_coefficients_than_windows_can_be_fitted(rng: np.random.Generator) -> None:
    windows = sliding_windows(rng.random((60, 20)), 30).astype(np.float32)
    assert np.isfinite(RidgeForecaster().fit(windows).errors(windows)).all()


def test_the_newest_row_does_not_bear_on_its_forecast(turning: np.ndarray) -> None:
    detector = RidgeForecaster().fit(turning)
    strange = turning.copy()
    strange[:, -1] = 5
    np.testing.assert_array_equal(detector.expected(strange), detector.expected(turning))
