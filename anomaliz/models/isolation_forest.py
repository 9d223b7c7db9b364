"""Isolation forest over flattened windows: what few random cuts set apart is strange.

Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008). Fitted by scikit-learn; the graph is a single tree
ensemble that sums path lengths, about a hundred times faster than the generic conversion.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.detector import WindowDetector
from anomaliz.core.errors import MissingExtraError
from anomaliz.core.types import Floats

if TYPE_CHECKING:
    from onnx import ModelProto

MODEL_FILE = "model.skops"
STATS_FILE = "score_stats.json"
TRUSTED_TYPES = ["sklearn.tree._tree.Tree"]
"""What skops may load beyond its own safe list; written here, never taken from the file."""
EULER_GAMMA = 0.5772156649015329


class IsolationForest(WindowDetector):
    """The error is the anomaly score of the paper, in (0, 1): 2 ** -(mean path length / expected one)."""

    name: ClassVar[str] = "isolation_forest"
    attributes: ClassVar[bool] = False

    def __init__(self, n_estimators: int = 100, seed: int = 42) -> None:
        self.n_estimators = n_estimators
        self.seed = seed

    def _fit(self, windows: Floats) -> None:
        try:
            from sklearn.ensemble import IsolationForest as Forest
        except ImportError as error:
            raise MissingExtraError.of("Training an isolation forest", "train") from error
        self.forest_ = Forest(n_estimators=self.n_estimators, random_state=self.seed)
        self.forest_.fit(_flat(windows))
        errors = self._errors(windows)
        self.stats_ = {"min": errors.min().item(), "mean": errors.mean().item(), "max": errors.max().item()}

    def _errors(self, windows: Floats) -> Floats:
        if not len(windows):
            return np.empty(0)
        normality: Floats = self.forest_.score_samples(_flat(windows))
        return -normality

    def _to_onnx(self) -> "ModelProto":
        from anomaliz.models.onnx_builder import GraphBuilder

        window_size, n_features = self.shape_
        graph = GraphBuilder()
        flat = graph.node("Reshape", "windows", graph.constant(np.array([-1, window_size * n_features])))
        path = graph.node(
            "TreeEnsembleRegressor", flat, domain="ai.onnx.ml", **_path_length_trees(self.forest_)
        )
        typical = float(expected_path_length(np.array([self.forest_.max_samples_]))[0])
        trees = len(self.forest_.estimators_)
        scale = graph.constant(np.array(-np.log(2) / (trees * typical), np.float32))
        error = graph.node("Exp", graph.node("Mul", path, scale))
        graph.node("Squeeze", error, graph.constant(np.array([1])), output="errors")
        return graph.model(
            {"windows": (np.float32, ["n", window_size, n_features])}, {"errors": (np.float32, ["n"])}
        )

    def _save(self, directory: Path) -> None:
        from skops.io import dump

        dump(self.forest_, directory / MODEL_FILE)
        stats = {"params": self.params(), "shape": list(self.shape_), "errors": self.stats_}
        (directory / STATS_FILE).write_text(json.dumps(stats, indent=2) + "\n")

    @classmethod
    def _load(cls, directory: Path) -> Self:
        from skops.io import load

        state = json.loads((directory / STATS_FILE).read_text())
        detector = cls(**state["params"])
        detector.shape_ = tuple(state["shape"])
        detector.stats_ = state["errors"]
        detector.forest_ = load(directory / MODEL_FILE, trusted=TRUSTED_TYPES)
        return detector


def expected_path_length(n: NDArray[Any]) -> Floats:
    """Mean path length of an unsuccessful search among `n` points (equation 1 of the paper)."""
    n = np.asarray(n, np.float64)
    many = np.maximum(n, 3)
    length = 2 * (np.log(many - 1) + EULER_GAMMA) - 2 * (many - 1) / many
    return np.where(n > 2, length, np.where(n == 2, 1.0, 0.0))


def _flat(windows: Floats) -> Floats:
    return windows.reshape(len(windows), -1)


def _path_length_trees(forest: Any) -> dict[str, Any]:
    """Return a tree ensemble's attributes; leaves hold depth plus the expected path below them."""
    attributes: dict[str, list[Any]] = {key: [] for key in _NODE_KEYS + _TARGET_KEYS}
    for number, estimator in enumerate(forest.estimators_):
        _append_tree(attributes, number, estimator.tree_)
    return {**attributes, "n_targets": 1, "post_transform": "NONE", "aggregate_function": "SUM"}


_NODE_KEYS = [
    f"nodes_{part}"
    for part in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
]
_TARGET_KEYS = [f"target_{part}" for part in ("treeids", "nodeids", "ids", "weights")]


def _append_tree(attributes: dict[str, list[Any]], number: int, tree: Any) -> None:
    leaf = tree.children_left < 0
    nodes = np.arange(tree.node_count)
    columns = {
        "nodes_treeids": np.full(tree.node_count, number),
        "nodes_nodeids": nodes,
        "nodes_featureids": np.where(leaf, 0, tree.feature),
        "nodes_values": np.where(leaf, 0, _rounded_down(tree.threshold)),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ"),
        "nodes_truenodeids": np.where(leaf, 0, tree.children_left),
        "nodes_falsenodeids": np.where(leaf, 0, tree.children_right),
        "target_treeids": np.full(leaf.sum(), number),
        "target_nodeids": nodes[leaf],
        "target_ids": np.zeros(leaf.sum(), int),
        "target_weights": (_depths(tree) + expected_path_length(tree.n_node_samples))[leaf],
    }
    for key, column in columns.items():
        attributes[key].extend(column.tolist())


def _rounded_down(thresholds: Floats) -> Floats:
    """Round to float32 towards minus infinity, so that `x <= threshold` is the same for every float32 x."""
    rounded = thresholds.astype(np.float32)
    above = rounded > thresholds
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded


def _depths(tree: Any) -> NDArray[np.int64]:
    # Children come after their parent in scikit-learn's node order.
    depths = np.zeros(tree.node_count, np.int64)
    for node in range(tree.node_count):
        if tree.children_left[node] >= 0:
            depths[[tree.children_left[node], tree.children_right[node]]] = depths[node] + 1
    return depths
