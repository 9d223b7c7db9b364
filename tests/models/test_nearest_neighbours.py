import numpy as np
import onnxruntime
import pytest

from anomaliz.core.errors import DataError
from anomaliz.models.nearest_neighbours import NearestNeighbours
from anomaliz.preprocessing.windowing import sliding_windows


@pytest.fixture
def windows(rng: np.random.Generator) -> np.ndarray:
    return sliding_windows(rng.normal(0.5, 0.1, (200, 3)), 5).astype(np.float32)


def test_the_error_is_the_distance_to_the_kth_nearest_row(windows: np.ndarray) -> None:
    detector = NearestNeighbours(n_reference=len(windows), k=4).fit(windows[:150])
    strange = windows[150:]
    distances = np.linalg.norm(strange[:, np.newaxis, -1] - windows[:150, -1], axis=2)
    np.testing.assert_allclose(detector.errors(strange), np.sort(distances)[:, 3], rtol=1e-6)


def test_feature_errors_add_up_to_the_squared_error(windows: np.ndarray) -> None:
    detector = NearestNeighbours().fit(windows)
    np.testing.assert_allclose(
        detector.feature_errors(windows).sum(axis=1), detector.errors(windows) ** 2, rtol=1e-5
    )


def test_earlier_rows_take_no_part(windows: np.ndarray) -> None:
    detector = NearestNeighbours().fit(windows)
    aftermath = windows.copy()
    aftermath[:, :-1] = 5
    np.testing.assert_array_equal(detector.errors(aftermath), detector.errors(windows))


def test_as_many_rows_are_kept_as_asked_for(windows: np.ndarray) -> None:
    assert NearestNeighbours(n_reference=50).fit(windows).reference_.shape == (50, 3)
    assert NearestNeighbours(n_reference=1000).fit(windows).reference_.shape == (196, 3)


def test_small_distances_between_large_values_survive(rng: np.random.Generator) -> None:
    windows = sliding_windows(5 - 1e-4 * rng.random((300, 2)), 5).astype(np.float32)
    detector = NearestNeighbours(k=1).fit(windows[:200])
    errors = detector.errors(windows[200:])
    assert 0 < errors.max() < 1e-4
    session = onnxruntime.InferenceSession(detector.to_onnx().SerializeToString())
    found = session.run(["errors"], {"windows": windows[200:]})[0]
    np.testing.assert_allclose(found, errors, rtol=1e-5)


def test_more_rows_than_are_compared_at_once(windows: np.ndarray) -> None:
    detector = NearestNeighbours().fit(windows)
    many = np.concatenate([windows] * 12)
    np.testing.assert_allclose(detector.errors(many), np.tile(detector.errors(windows), 12), rtol=1e-6)


def test_fewer_rows_than_neighbours_are_refused(windows: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"number 7 among 5: lower models\.nearest_neighbours\.k"):
        NearestNeighbours(n_reference=5, k=7).fit(windows)
