"""LSTM forecaster: predicts a window's last row from the rows before it; a bad forecast is strange.

After Malhotra et al., "Long Short Term Memory Networks for Anomaly Detection in Time Series" (ESANN 2015).
"""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.keras_training import DEFAULT_SCHEDULE, OnEpoch, Schedule, keras, predict
from anomaliz.models.lstm_network import LstmNetwork

if TYPE_CHECKING:
    from onnx import ModelProto


class LstmForecaster(LstmNetwork):
    """One LSTM layer over the prefix and a dense layer; the error is the last row's mean squared residual."""

    name: ClassVar[str] = "lstm_forecaster"
    predicts: ClassVar[bool] = True

    def __init__(
        self,
        units: int = 64,
        seed: int = 42,
        schedule: Schedule = DEFAULT_SCHEDULE,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        super().__init__(seed, schedule, on_epoch)
        self.units = units

    def _network(self, window_size: int, n_features: int) -> Any:
        layers = keras().layers
        return keras().Sequential(
            [
                layers.Input((window_size - 1, n_features)),
                layers.LSTM(self.units),
                layers.Dense(n_features),
            ]
        )

    def _inputs_and_targets(self, windows: Floats) -> tuple[Floats, Floats]:
        return windows[:, :-1], windows[:, -1]

    def _expected(self, windows: Floats) -> Floats:
        return predict(self.network_, windows[:, :-1])

    def _feature_errors(self, windows: Floats) -> Floats:
        return np.square(windows[:, -1] - self._expected(windows))

    def _to_onnx(self) -> "ModelProto":
        from anomaliz.models.onnx_builder import GraphBuilder

        window_size, n_features = self.shape_
        graph = GraphBuilder()
        lstm, dense = self.network_.layers
        rows = graph.node("Transpose", "windows", perm=[1, 0, 2])
        prefix = graph.node(
            "Slice", rows, graph.constant(np.array([0])), graph.constant(np.array([window_size - 1]))
        )
        last_row = graph.node("Gather", rows, graph.constant(np.array(window_size - 1)))
        state = graph.node(
            "Squeeze", graph.lstm(prefix, lstm.get_weights(), sequence=False), graph.constant(np.array([0]))
        )
        kernel, bias = dense.get_weights()
        graph.node("Gemm", state, graph.constant(kernel), graph.constant(bias), output="expected")
        residual = graph.node("Sub", last_row, "expected")
        graph.node("Mul", residual, residual, output="feature_errors")
        graph.node("ReduceMean", "feature_errors", axes=[1], keepdims=0, output="errors")
        return graph.model(
            {"windows": (np.float32, ["n", window_size, n_features])},
            {
                "errors": (np.float32, ["n"]),
                "feature_errors": (np.float32, ["n", n_features]),
                "expected": (np.float32, ["n", n_features]),
            },
        )
