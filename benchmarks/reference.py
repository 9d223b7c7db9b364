"""A bundle's forest and LSTMs run by their own libraries, which the scoring graph replaces."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anomaliz.models.registry import window_detector
from anomaliz.preprocessing.normalizer import RangeNormalizer

Run = Callable[[Any, Any], Any]


class Reference:
    """Isolation forest by scikit-learn, both LSTMs by Keras."""

    def __init__(self, bundle: Path) -> None:
        self._normalizer = RangeNormalizer.from_json(json.loads((bundle / "normalizer.json").read_text()))
        self._forest: Any = self._load(bundle, "isolation_forest").forest_
        self._autoencoder: Any = self._load(bundle, "lstm_autoencoder").network_
        self._forecaster: Any = self._load(bundle, "lstm_forecaster").network_

    @staticmethod
    def _load(bundle: Path, name: str) -> Any:
        return window_detector(name).load(bundle / name)

    @staticmethod
    def predict(network: Any, windows: Any) -> Any:
        return network.predict(windows, verbose=0)

    @staticmethod
    def predict_on_batch(network: Any, windows: Any) -> Any:
        return network.predict_on_batch(windows)

    def errors(self, windows: Any, run: Run) -> list[float]:
        """Return the three detectors' errors of one raw window `(1, window_size, n_features)`."""
        normalised = self._normalizer.transform(windows)
        forest = -self._forest.score_samples(normalised.reshape(1, -1))[0]
        rebuilt = run(self._autoencoder, normalised)
        expected = run(self._forecaster, normalised[:, :-1])
        return [
            float(forest),
            float(np.square(normalised - rebuilt).mean()),
            float(np.square(normalised[:, -1] - expected).mean()),
        ]

    def analyze(self, columns: Sequence[Sequence[float]], run: Run) -> dict[str, Any]:
        """Return an answer for one window given as columns."""
        errors = self.errors(np.array(columns).T[np.newaxis], run)
        return {"anomaly": errors[1] > 1, "errors": errors}
