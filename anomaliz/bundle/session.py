"""Runs the scoring graph: ONNX Runtime, one thread, no spinning."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from anomaliz.core.errors import BundleError
from anomaliz.core.types import Floats
from anomaliz.detection.profile import Readings

CHUNK = 1024
"""Windows in one run of the graph, which bounds the memory that the graph takes."""


class ScoringSession:
    """A loaded scoring graph."""

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        # At these sizes a second thread costs more than it gives, and spinning steals the other core.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes
            raise BundleError(
                f"the scoring graph cannot be loaded ({error}): train the bundle again"
            ) from error
        self._labels = [output.name.split("/") for output in self._session.get_outputs()]
        self.window_shape: tuple[int, int] = tuple(self._session.get_inputs()[0].shape[1:])

    def read(self, windows: Floats, picked: NDArray[np.intp]) -> Readings:
        """Return the members' readings of raw `windows (n, window_size, n_features)`, of the `picked` ones.

        The picked windows are finite. Only one chunk of them is copied at a time.
        """
        if not len(picked):
            # ONNX Runtime's LSTM crashes on an empty batch.
            return self._named([values[:0] for values in self._run(np.zeros((1, *windows.shape[1:])))])
        if len(picked) <= CHUNK:
            return self._named(self._run(windows[picked]))
        parts = [self._run(windows[picked[i : i + CHUNK]]) for i in range(0, len(picked), CHUNK)]
        return self._named([np.concatenate(part) for part in zip(*parts, strict=True)])

    def _run(self, windows: Floats) -> list[Floats]:
        raw = np.ascontiguousarray(windows, dtype=np.float64)
        outputs: list[Floats] = self._session.run(None, {"windows": raw})
        return outputs

    def _named(self, outputs: Sequence[Floats]) -> Readings:
        kinds: dict[str, dict[str, Floats]] = {"errors": {}, "feature_errors": {}, "expected_value": {}}
        for (detector, kind), values in zip(self._labels, outputs, strict=True):
            kinds[kind][detector] = values
        return Readings(kinds["errors"], kinds["feature_errors"], kinds["expected_value"])
