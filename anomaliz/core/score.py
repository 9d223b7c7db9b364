"""The one scale on which every detector and the fusion speak."""

import numpy as np

from anomaliz.core.types import Floats

MAX_SURPRISE = 10.0
"""Surprise from which on the score is 1: one in ten thousand million normal points."""


def score_of(surprise: Floats) -> Floats:
    """Map surprise (any shape, -log10 of a tail probability) to a score in [0, 1]; NaN stays NaN."""
    return np.minimum(surprise, MAX_SURPRISE) / MAX_SURPRISE
