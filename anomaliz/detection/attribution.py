"""Which features an anomaly is in."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Floats

SCALE_QUANTILE = 0.99
SCALE_FLOOR = 1e-4
"""Squared residual of 1% of a feature's range: less counts as exactly predicted."""


def residual_scale(feature_errors: Floats) -> Floats:
    """Return what counts as a large residual for each feature, `(n_features,)`, from normal windows."""
    return np.maximum(np.quantile(feature_errors, SCALE_QUANTILE, axis=0), SCALE_FLOOR)


def contributions(
    feature_errors: Sequence[Floats], scales: Sequence[Floats], n: int, n_features: int
) -> Floats:
    """Share out each point's strangeness among its features, `(n, n_features)`, rows summing to 1.

    `feature_errors` holds one `(n, n_features)` array for each member that can tell features apart, and
    `scales` its training quantiles. Without residuals the shares are equal.
    """
    relative = np.zeros((n, n_features))
    for errors, scale in zip(feature_errors, scales, strict=True):
        relative += errors / scale
    total = relative.sum(axis=1, keepdims=True)
    equal = np.full_like(relative, 1 / n_features)
    shares: Floats = np.divide(relative, total, out=equal, where=total > 0)
    return shares
