"""One error from many features': each over what is large for it."""

import numpy as np

from anomaliz.core.types import Floats

QUANTILE = 0.995
"""Of a feature's training errors: what is above counts as large."""
FLOOR = 0.01
"""Least such scale, in the detector's unit, so that a feature that never erred does not drown the others."""
CAP = 50.0
"""Times its scale that one feature's error counts at most."""


def scale_of(errors: Floats) -> Floats:
    """Return each feature's scale, `(n_features,)`, from training `errors (n, n_features)`."""
    return np.maximum(np.quantile(errors, QUANTILE, axis=0), FLOOR)


def joined(errors: Floats, scale: Floats) -> Floats:
    """Return the root mean square over features of `errors (n, n_features)`, each over its scale, `(n,)`."""
    relative = np.minimum(errors / scale, CAP)
    error: Floats = np.sqrt(np.mean(relative**2, axis=1))
    return error
