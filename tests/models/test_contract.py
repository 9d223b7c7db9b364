"""One conformance suite for every registered window detector."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from anomaliz.core.detector import NotFittedError, WindowDetector
from anomaliz.core.errors import DataError
from anomaliz.models.keras_training import Schedule
from anomaliz.models.registry import WINDOW_DETECTORS, create, window_detector

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
SMALL = {
    "isolation_forest": {"n_estimators": 20},
    "lstm_autoencoder": {"units_1": 8, "units_2": 4, "schedule": Schedule(epochs=2)},
    "lstm_forecaster": {"units": 8, "schedule": Schedule(epochs=2)},
    "nearest_neighbours": {"n_reference": 100},
    "ridge_forecaster": {"penalty": 1.0},
}

everyone = pytest.mark.parametrize("name", WINDOW_DETECTORS)


def windows_like(n: int = 300, window_size: int = 6, n_features: int = 3, seed: int = 0) -> np.ndarray:
    """Windows of a noisy wave in [0, 1]."""
    rng = np.random.default_rng(seed)
    rows = np.arange(n + window_size)[:, np.newaxis]
    values = (
        0.5
        + 0.3 * np.sin(rows / 7 + np.arange(n_features))
        + 0.05 * rng.standard_normal((len(rows), n_features))
    )
    view = np.lib.stride_tricks.sliding_window_view(values, window_size, axis=0)
    return np.moveaxis(view, -1, 1)[:n].astype(np.float32)


@pytest.fixture(scope="module")
def fitted() -> dict[str, WindowDetector]:
    return {name: create(name, **SMALL[name]).fit(windows_like()) for name in WINDOW_DETECTORS}


def graph_outputs(detector: WindowDetector, windows: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(detector.to_onnx().SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"windows": windows}), strict=True))


def assert_graph_agrees(detector: WindowDetector, windows: np.ndarray) -> None:
    found = graph_outputs(detector, windows)
    np.testing.assert_allclose(found["errors"], detector.errors(windows), **TOLERANCE)
    assert ("feature_errors" in found) == detector.attributes
    assert ("expected" in found) == detector.predicts
    if detector.attributes:
        np.testing.assert_allclose(found["feature_errors"], detector.feature_errors(windows), **TOLERANCE)
    if detector.predicts:
        np.testing.assert_allclose(found["expected"], detector.expected(windows), **TOLERANCE)


@everyone
def test_constructor_only_stores_its_parameters(name: str) -> None:
    assert create(name, **SMALL[name]).params().items() >= SMALL[name].items()
    assert all(not key.endswith("_") for key in vars(create(name)))


@everyone
def test_unfitted_detector_says_so(name: str, tmp_path: Path) -> None:
    detector = create(name)
    for use in (
        lambda: detector.errors(windows_like(5)),
        lambda: detector.feature_errors(windows_like(5)),
        detector.to_onnx,
        lambda: detector.save(tmp_path),
    ):
        with pytest.raises(NotFittedError, match=name):
            use()


@everyone
def test_same_seed_gives_same_errors(name: str, fitted: dict[str, WindowDetector]) -> None:
    again = create(name, **SMALL[name]).fit(windows_like())
    np.testing.assert_array_equal(again.errors(windows_like(50)), fitted[name].errors(windows_like(50)))


@pytest.mark.parametrize("name", [name for name in WINDOW_DETECTORS if window_detector(name).seeded])
def test_other_seed_gives_other_errors(name: str, fitted: dict[str, WindowDetector]) -> None:
    other = create(name, **SMALL[name], seed=1).fit(windows_like())
    assert (other.errors(windows_like(50)) != fitted[name].errors(windows_like(50))).any()


@everyone
def test_input_is_left_as_it_was(name: str) -> None:
    windows = windows_like(120)
    before = windows.copy()
    detector = create(name, **SMALL[name]).fit(windows)
    detector.errors(windows)
    np.testing.assert_array_equal(windows, before)


@everyone
def test_graph_agrees_with_the_library(name: str, fitted: dict[str, WindowDetector]) -> None:
    strange = windows_like(40, seed=1)
    strange[::3, -1] = 4
    strange[1::3] = -3
    assert_graph_agrees(fitted[name], strange)


@everyone
@pytest.mark.parametrize(("window_size", "n_features"), [(2, 1), (2, 50), (10, 3), (60, 1), (60, 50)])
def test_graph_agrees_for_every_shape(name: str, window_size: int, n_features: int) -> None:
    windows = windows_like(60, window_size, n_features)
    detector = create(name, **SMALL[name]).fit(windows)
    assert_graph_agrees(detector, windows_like(20, window_size, n_features, seed=2))


@everyone
def test_saved_and_loaded_detector_is_the_same(
    name: str, fitted: dict[str, WindowDetector], tmp_path: Path
) -> None:
    fitted[name].save(tmp_path)
    loaded = window_detector(name).load(tmp_path)
    np.testing.assert_allclose(
        loaded.errors(windows_like(50)), fitted[name].errors(windows_like(50)), **TOLERANCE
    )
    assert loaded.params() == fitted[name].params()
    assert_graph_agrees(loaded, windows_like(20))


@everyone
def test_batch_is_the_same_as_one_by_one(name: str, fitted: dict[str, WindowDetector]) -> None:
    windows = windows_like(12, seed=3)
    alone = [fitted[name].errors(window[np.newaxis])[0] for window in windows]
    np.testing.assert_allclose(fitted[name].errors(windows), alone, **TOLERANCE)


@everyone
def test_no_windows_give_no_errors(name: str, fitted: dict[str, WindowDetector]) -> None:
    assert fitted[name].errors(windows_like(5)[:0]).shape == (0,)


@everyone
def test_constant_series_gives_finite_errors(name: str) -> None:
    windows = np.full((120, 6, 3), 0.5, np.float32)
    detector = create(name, **SMALL[name]).fit(windows)
    assert np.isfinite(detector.errors(windows)).all()
    assert_graph_agrees(detector, windows[:10])


@everyone
def test_stranger_windows_have_higher_errors(name: str, fitted: dict[str, WindowDetector]) -> None:
    strange = windows_like(50)
    strange[:, -2:] = 3
    assert np.median(fitted[name].errors(strange)) > np.quantile(fitted[name].errors(windows_like(50)), 0.95)


@everyone
def test_feature_errors_point_at_the_feature(name: str, fitted: dict[str, WindowDetector]) -> None:
    strange = windows_like(50)
    strange[:, -1, 1] = 4
    found = fitted[name].feature_errors(strange)
    assert found.shape == (50, 3)
    if fitted[name].attributes:
        assert (found.argmax(axis=1) == 1).all()
    else:
        assert not found.any()


@everyone
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(
    name: str, bad: float, fitted: dict[str, WindowDetector]
) -> None:
    windows = windows_like(120)
    windows[3, 2, 1] = bad
    with pytest.raises(DataError, match="finite"):
        create(name).fit(windows)
    with pytest.raises(DataError, match="finite"):
        fitted[name].errors(windows)


@everyone
def test_wrong_shapes_and_types_are_refused(name: str, fitted: dict[str, WindowDetector]) -> None:
    with pytest.raises(DataError, match="shape"):
        fitted[name].errors(windows_like(5)[0])
    with pytest.raises(DataError, match="fitted on windows"):
        fitted[name].errors(windows_like(5, n_features=2))
    with pytest.raises(DataError, match="floating"):
        fitted[name].errors(np.zeros((2, 6, 3), int))
    with pytest.raises(DataError, match="no windows"):
        create(name).fit(windows_like(5)[:0])


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Exception, match="isolation_forest, lstm_autoencoder, lstm_forecaster"):
        create("forest")


def test_importing_the_registry_imports_no_heavy_library() -> None:
    code = (
        "import sys, anomaliz.models.registry; "
        "heavy = {'tensorflow', 'keras', 'sklearn', 'onnx', 'skops', 'pandas'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
