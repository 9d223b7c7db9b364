"""LSTM autoencoder: squeezes a window through a narrow code; what it cannot rebuild is strange.

After Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection" (2016).
"""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.keras_training import DEFAULT_SCHEDULE, OnEpoch, Schedule, keras, predict
from anomaliz.models.lstm_network import LstmNetwork

if TYPE_CHECKING:
    from onnx import ModelProto


class LstmAutoencoder(LstmNetwork):
    """Layers `units_1, units_2, repeat, units_2, units_1, dense` that rebuild the whole window.

    The error is the mean squared residual of the newest row: over the whole window it would go on for as
    many points as a window has rows after an anomaly has ended.
    """

    name: ClassVar[str] = "lstm_autoencoder"

    def __init__(
        self,
        units_1: int = 64,
        units_2: int = 32,
        seed: int = 42,
        schedule: Schedule = DEFAULT_SCHEDULE,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        super().__init__(seed, schedule, on_epoch)
        self.units_1 = units_1
        self.units_2 = units_2

    def _network(self, window_size: int, n_features: int) -> Any:
        layers = keras().layers
        return keras().Sequential(
            [
                layers.Input((window_size, n_features)),
                layers.LSTM(self.units_1, return_sequences=True),
                layers.LSTM(self.units_2),
                layers.RepeatVector(window_size),
                layers.LSTM(self.units_2, return_sequences=True),
                layers.LSTM(self.units_1, return_sequences=True),
                layers.Dense(n_features),
            ]
        )

    def _inputs_and_targets(self, windows: Floats) -> tuple[Floats, Floats]:
        return windows, windows

    def _feature_errors(self, windows: Floats) -> Floats:
        rebuilt = predict(self.network_, windows)
        return np.square(windows[:, -1] - rebuilt[:, -1])

    def _to_onnx(self) -> "ModelProto":
        from anomaliz.models.onnx_builder import GraphBuilder

        window_size, n_features = self.shape_
        graph = GraphBuilder()
        encode_1, encode_2, _, decode_2, decode_1, dense = self.network_.layers
        rows = graph.node("Transpose", "windows", perm=[1, 0, 2])
        code = graph.lstm(
            graph.lstm(rows, encode_1.get_weights(), sequence=True), encode_2.get_weights(), sequence=False
        )
        repeated = graph.node("Tile", code, graph.constant(np.array([window_size, 1, 1])))
        decoded = graph.lstm(repeated, decode_2.get_weights(), sequence=True)
        decoded = graph.lstm(decoded, decode_1.get_weights(), sequence=True)
        newest = graph.constant(np.array(window_size - 1))
        rebuilt = graph.dense(graph.node("Gather", decoded, newest), dense.get_weights())
        residual = graph.node("Sub", graph.node("Gather", rows, newest), rebuilt)
        graph.node("Mul", residual, residual, output="feature_errors")
        graph.node("ReduceMean", "feature_errors", axes=[1], keepdims=0, output="errors")
        return graph.model(
            {"windows": (np.float32, ["n", window_size, n_features])},
            {"errors": (np.float32, ["n"]), "feature_errors": (np.float32, ["n", n_features])},
        )
