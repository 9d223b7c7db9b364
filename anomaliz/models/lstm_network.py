"""What the two LSTM detectors share: parameters, training, and files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from anomaliz.core.detector import WindowDetector
from anomaliz.core.types import Floats
from anomaliz.models.keras_training import OnEpoch, Schedule, keras, train

MODEL_FILE = "model.keras"
PARAMS_FILE = "params.json"


class LstmNetwork(WindowDetector):
    """A window detector that is a Keras network; subclasses say which, and what its error is."""

    network_: Any
    losses_: list[float]
    """Held-back loss by epoch."""

    def __init__(self, seed: int, schedule: Schedule, on_epoch: OnEpoch | None) -> None:
        self.seed = seed
        self.schedule = schedule
        self.on_epoch = on_epoch

    def params(self) -> dict[str, Any]:
        return {key: value for key, value in super().params().items() if key != "on_epoch"}

    def _network(self, window_size: int, n_features: int) -> Any:
        raise NotImplementedError

    def _inputs_and_targets(self, windows: Floats) -> tuple[Floats, Floats]:
        raise NotImplementedError

    def _fit(self, windows: Floats) -> None:
        keras(seed=self.seed)
        self.network_ = self._network(windows.shape[1], windows.shape[2])
        inputs, targets = self._inputs_and_targets(windows)
        self.losses_ = train(self.network_, inputs, targets, self.schedule, self.on_epoch)

    def _errors(self, windows: Floats) -> Floats:
        errors: Floats = self._feature_errors(windows).mean(axis=1)
        return errors

    def _save(self, directory: Path) -> None:
        self.network_.save(directory / MODEL_FILE)
        params = {**self.params(), "schedule": asdict(self.schedule)}
        state = {"params": params, "shape": list(self.shape_), "losses": self.losses_}
        (directory / PARAMS_FILE).write_text(json.dumps(state, indent=2) + "\n")

    @classmethod
    def _load(cls, directory: Path) -> Self:
        state = json.loads((directory / PARAMS_FILE).read_text())
        schedule = Schedule(**state["params"].pop("schedule"))
        detector = cls(**state["params"], schedule=schedule)
        detector.shape_ = tuple(state["shape"])
        detector.losses_ = state["losses"]
        detector.network_ = keras().models.load_model(directory / MODEL_FILE, safe_mode=True)
        return detector
