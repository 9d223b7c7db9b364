"""One surprise from many: the weighted mean of the members' surprises."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.core.verdict import CRITICAL_SURPRISE

LSTM_PREFIX = "lstm_"


def window_weights(members: Sequence[str], weight_lstm: float) -> Floats:
    """Share the fusion's weight among `members`: `weight_lstm` among the LSTMs, the rest among the others.

    Where one of the two kinds is absent the other takes all. Sums to 1, `(n_members,)`.
    """
    lstm = np.array([member.startswith(LSTM_PREFIX) for member in members])
    if lstm.all() or not lstm.any():
        return np.full(len(members), 1 / len(members))
    weights: Floats = np.where(lstm, weight_lstm / lstm.sum(), (1 - weight_lstm) / (~lstm).sum())
    return weights


def fuse(surprise: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of members' surprises `(n, n_members)`, capped so that none drowns the rest.

    The cap is what is critical: calibration has seen a few thousand windows, and what is rarer than that is
    extrapolated. A mean of surprises is not a surprise: it needs a tail of its own before it is one.
    """
    fused: Floats = np.minimum(surprise, CRITICAL_SURPRISE) @ weights
    return fused
