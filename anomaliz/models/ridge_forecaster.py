"""Ridge forecaster: predicts a window's last row linearly from the rows before it.

A vector autoregression (Sims, "Macroeconomics and Reality", Econometrica 1980) whose coefficients are shrunk
by ridge regression (Hoerl and Kennard, Technometrics 1970), so that it stands many features and few windows.
"""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.closed_form import ClosedForm

if TYPE_CHECKING:
    from onnx import ModelProto


class RidgeForecaster(ClosedForm):
    """The error is the root mean square of the last row's residuals, in training ranges."""

    name: ClassVar[str] = "ridge_forecaster"
    predicts: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    learnt: ClassVar[tuple[str, ...]] = ("coefficients_", "intercept_")

    coefficients_: Floats
    """`((window_size - 1) * n_features, n_features)`, rows in the order of a flattened window."""
    intercept_: Floats
    """`(n_features,)`."""

    def __init__(self, penalty: float = 10.0) -> None:
        self.penalty = penalty

    def _fit(self, windows: Floats) -> None:
        earlier, newest = _earlier(windows).astype(np.float64), windows[:, -1].astype(np.float64)
        centre, level = earlier.mean(axis=0), newest.mean(axis=0)
        earlier -= centre
        gram = earlier.T @ earlier
        gram[np.diag_indices_from(gram)] += self.penalty
        coefficients = np.linalg.solve(gram, earlier.T @ (newest - level))
        self.coefficients_ = coefficients.astype(np.float32)
        self.intercept_ = (level - centre @ coefficients).astype(np.float32)

    def _errors(self, windows: Floats) -> Floats:
        errors: Floats = np.sqrt(self._feature_errors(windows).mean(axis=1))
        return errors

    def _feature_errors(self, windows: Floats) -> Floats:
        return np.square(windows[:, -1] - self._expected(windows))

    def _expected(self, windows: Floats) -> Floats:
        expected: Floats = _earlier(windows) @ self.coefficients_ + self.intercept_
        return expected

    def _to_onnx(self) -> "ModelProto":
        from anomaliz.models.onnx_builder import GraphBuilder

        window_size, n_features = self.shape_
        graph = GraphBuilder()
        # Coefficients of zero for the newest row cost less than cutting it off.
        padded = np.concatenate([self.coefficients_, np.zeros((n_features, n_features), np.float32)])
        flat = graph.node("Reshape", "windows", graph.constant(np.array([-1, len(padded)])))
        graph.node("Gemm", flat, graph.constant(padded), graph.constant(self.intercept_), output="expected")
        newest = graph.node("Gather", "windows", graph.constant(np.array(window_size - 1)), axis=1)
        residual = graph.node("Sub", newest, "expected")
        graph.node("Mul", residual, residual, output="feature_errors")
        mean = graph.node("ReduceMean", "feature_errors", axes=[1], keepdims=0)
        graph.node("Sqrt", mean, output="errors")
        return graph.model(
            {"windows": (np.float32, ["n", window_size, n_features])},
            {
                "errors": (np.float32, ["n"]),
                "feature_errors": (np.float32, ["n", n_features]),
                "expected": (np.float32, ["n", n_features]),
            },
        )


def _earlier(windows: Floats) -> Floats:
    """Return every row but the newest, flattened, `(n, (window_size - 1) * n_features)`."""
    n, window_size, n_features = windows.shape
    return windows[:, :-1].reshape(n, (window_size - 1) * n_features)
