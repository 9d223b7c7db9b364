"""Nearest neighbours: a row far from every row seen in training is strange.

Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining Outliers from Large Data Sets" (SIGMOD 2000).
"""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.models.closed_form import ClosedForm

if TYPE_CHECKING:
    from onnx import ModelProto

BLOCK = 1024
"""Rows compared with all reference rows at once, which bounds the memory that takes."""


class NearestNeighbours(ClosedForm):
    """The error is the Euclidean distance of a window's newest row to its k-th nearest training row.

    Earlier rows take no part, so the error ends with the anomaly. Distances are compared with
    `n_reference` rows that `seed` samples from the training windows' newest rows.
    """

    name: ClassVar[str] = "nearest_neighbours"
    learnt: ClassVar[tuple[str, ...]] = ("reference_",)

    reference_: Floats
    """Sampled training rows, float32, `(n_reference, n_features)`."""

    def __init__(self, n_reference: int = 1000, k: int = 3, seed: int = 42) -> None:
        self.n_reference = n_reference
        self.k = k
        self.seed = seed

    def _fit(self, windows: Floats) -> None:
        n_reference = min(self.n_reference, len(windows))
        if n_reference < self.k:
            raise DataError(
                f"{self.name} cannot find the nearest row number {self.k} among {n_reference}: lower "
                f"models.{self.name}.k",
                field=f"models.{self.name}.k",
            )
        sample = np.random.default_rng(self.seed).choice(len(windows), n_reference, replace=False)
        self.reference_ = windows[sample, -1]

    def _errors(self, windows: Floats) -> Floats:
        errors: Floats = np.sqrt(self._feature_errors(windows).sum(axis=1))
        return errors

    def _feature_errors(self, windows: Floats) -> Floats:
        rows = windows[:, -1]
        return np.square(rows - self.reference_[self._neighbour(rows)])

    def _neighbour(self, rows: Floats) -> NDArray[np.intp]:
        """Return the index of each row's k-th nearest reference row, `(n,)`."""
        factor, offset = self._squared_distance()
        nearest = np.empty(len(rows), np.intp)
        for start in range(0, len(rows), BLOCK):
            block = slice(start, start + BLOCK)
            distance = rows[block] @ factor + offset
            nearest[block] = np.argpartition(distance, self.k - 1, axis=1)[:, self.k - 1]
        return nearest

    def _squared_distance(self) -> tuple[Floats, Floats]:
        """Return what makes `rows @ factor + offset` the squared distances, less each row's own square.

        In double precision: single would lose small distances between large values.
        """
        reference = self.reference_.astype(np.float64)
        return -2 * reference.T, np.square(reference).sum(axis=1)

    def _to_onnx(self) -> "ModelProto":
        from onnx import TensorProto

        from anomaliz.models.onnx_builder import GraphBuilder

        window_size, n_features = self.shape_
        graph = GraphBuilder()
        row = graph.node("Gather", "windows", graph.constant(np.array(window_size - 1)), axis=1)
        factor, offset = (graph.constant(part) for part in self._squared_distance())
        distance = graph.node("Gemm", graph.node("Cast", row, to=TensorProto.DOUBLE), factor, offset)
        _, nearest = graph.nodes(
            "TopK", distance, graph.constant(np.array([self.k])), outputs=["least", "nearest"], largest=0
        )
        last = graph.node("Gather", nearest, graph.constant(np.array(self.k - 1)), axis=1)
        residual = graph.node("Sub", row, graph.node("Gather", graph.constant(self.reference_), last))
        graph.node("Mul", residual, residual, output="feature_errors")
        graph.node("ReduceL2", residual, axes=[1], keepdims=0, output="errors")
        return graph.model(
            {"windows": (np.float32, ["n", window_size, n_features])},
            {"errors": (np.float32, ["n"]), "feature_errors": (np.float32, ["n", n_features])},
        )
