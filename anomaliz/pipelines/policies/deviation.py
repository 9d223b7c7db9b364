"""Deviation: how far from the expected value a point must lie, in its unit and as a part of that value."""

import numpy as np

from anomaliz.core.types import Flags, Floats


def far_enough(deviation: Floats, expected: Floats, least: float, least_relative: float) -> Flags:
    """Return whether each deviation, observed minus expected, of any shape, is large enough; NaN is."""
    size = np.abs(deviation)
    near = (size < least) | (size < least_relative * np.abs(expected))
    flags: Flags = np.logical_not(near)
    return flags
