"""What of the newest window the main shapes of training cannot make up."""

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.shapes import ShapeDetector

EXPLAINED = 0.9
"""Share of the training windows' variance that the main shapes hold."""


class ShapeSubspace(ShapeDetector):
    """Root mean square of a window's part outside the principal subspace of the training windows.

    After Shyu, Chen, Sarinnapakorn and Chang, "A novel anomaly detection scheme based on principal component
    classifier" (ICDM 2003), on windows.
    """

    name = "shape_subspace"

    def _learn(self, i: int, windows: Floats) -> None:
        mean = windows.mean(axis=0)
        _, strengths, shapes = np.linalg.svd(windows - mean, full_matrices=False)
        explained = np.cumsum(strengths**2)
        kept = int(np.searchsorted(explained, EXPLAINED * explained[-1])) + 1
        setattr(self, f"mean_{i}_", mean)
        setattr(self, f"shapes_{i}_", shapes[:kept])

    def _error(self, i: int, windows: Floats) -> Floats:
        centred = windows - getattr(self, f"mean_{i}_")
        shapes: Floats = getattr(self, f"shapes_{i}_")
        outside = centred - centred @ shapes.T @ shapes
        error: Floats = np.sqrt(np.mean(outside**2, axis=1))
        return error
