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

    def read(self, windows: Floats, picked: NDArray[np.intp] | None = None) -> Readings:
        """Return the readings of raw `windows (n, window_size, n_features)`, or of the `picked` ones of them.

        The windows that are read are finite. Only one chunk of picked ones is copied at a time.
        """
        n = len(windows) if picked is None else len(picked)
        if not n:
            # ONNX Runtime's LSTM crashes on an empty batch.
            return self._named([values[:0] for values in self._run(np.zeros((1, *windows.shape[1:])))])
        parts = [self._run(_chunk(windows, picked, slice(i, i + CHUNK))) for i in range(0, n, CHUNK)]
        return self._named(
            parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
        )

    def _run(self, windows: Floats) -> list[Floats]:
        raw = np.ascontiguousarray(windows, dtype=np.float64)
        outputs: list[Floats] = self._session.run(None, {"windows": raw})
        return outputs

    def _named(self, outputs: Sequence[Floats]) -> Readings:
        kinds: dict[str, dict[str, Floats]] = {"errors": {}, "feature_errors": {}, "expected_value": {}}
        for (detector, kind), values in zip(self._labels, outputs, strict=True):
            kinds[kind][detector] = values
        return Readings(kinds["errors"], kinds["feature_errors"], kinds["expected_value"])


def _chunk(windows: Floats, picked: NDArray[np.intp] | None, part: slice) -> Floats:
    return windows[part] if picked is None else windows[picked[part]]
