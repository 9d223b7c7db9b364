"""The window detectors by name. A new one is a file and a line here."""

from collections.abc import Mapping
from typing import Any

from anomaliz.core.detector import WindowDetector
from anomaliz.core.errors import ConfigError
from anomaliz.models.isolation_forest import IsolationForest
from anomaliz.models.lstm_autoencoder import LstmAutoencoder
from anomaliz.models.lstm_forecaster import LstmForecaster
from anomaliz.models.nearest_neighbours import NearestNeighbours
from anomaliz.models.ridge_forecaster import RidgeForecaster

WINDOW_DETECTORS: Mapping[str, type[WindowDetector]] = {
    detector.name: detector
    for detector in (IsolationForest, LstmAutoencoder, LstmForecaster, NearestNeighbours, RidgeForecaster)
}


def window_detector(name: str) -> type[WindowDetector]:
    """Return the detector class called `name`."""
    try:
        return WINDOW_DETECTORS[name]
    except KeyError:
        known = ", ".join(WINDOW_DETECTORS)
        raise ConfigError(
            f"'{name}' is not a detector: choose from {known}", field="detection.members"
        ) from None


def create(name: str, **params: Any) -> WindowDetector:
    """Make the unfitted detector called `name`."""
    return window_detector(name)(**params)
