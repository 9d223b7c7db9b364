"""How far the newest window is from every typical one."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.shapes import ShapeDetector


class ShapeClusters(ShapeDetector):
    """Distance of a window to the nearest centre of k-means on the training windows."""

    name = "shape_clusters"

    def __init__(self, length: int = 48, n_clusters: int = 10, seed: int = 0) -> None:
        super().__init__(length)
        self.n_clusters = n_clusters
        self.seed = seed

    def _learn(self, i: int, windows: Floats) -> None:
        from sklearn.cluster import KMeans

        distinct = len(np.unique(windows, axis=0))
        model = KMeans(min(self.n_clusters, distinct), n_init=1, random_state=self.seed)
        setattr(self, f"centres_{i}_", model.fit(windows).cluster_centers_)

    def _error(self, i: int, windows: Floats) -> Floats:
        centres: Floats = getattr(self, f"centres_{i}_")
        distances = [np.linalg.norm(windows - centre, axis=1) for centre in centres]
        nearest: Floats = np.min(distances, axis=0)
        return nearest
