"""The one scale on which every detector and the fusion speak."""

import numpy as np

from anomaliz.core.types import Floats

MAX_SURPRISE = 10.0
"""Surprise from which on the score is 1: one in ten thousand million normal points."""

MAX_MEMBER_SURPRISE = 4.0
"""Surprise that one member can bring into a window's fusion: calibration has seen a few thousand windows,
and what is rarer than that is extrapolated. Others have to agree before a point is stranger still."""


def score_of(surprise: Floats) -> Floats:
    """Map surprise (any shape, -log10 of a tail probability) to a score in [0, 1]; NaN stays NaN."""
    return np.minimum(surprise, MAX_SURPRISE) / MAX_SURPRISE
