"""VUS-PR: how well scores rank anomalies, lenient with labels whose borders are a little off.

Paparrizos et al., "Volume Under the Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly
Detection", VLDB 2022, as the TSB-AD benchmark (Liu and Paparrizos, NeurIPS 2024) computes it. Around every
event the labels fall off over a buffer; the area under the precision-recall curve is taken for each length
of the buffer up to the longest, and averaged.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats
from anomaliz.metrics.events import runs

N_THRESHOLDS = 250
"""Evenly spaced among the sorted scores."""
LONGEST_SERIES = 20_000
"""First rows from which a period is read."""
LAGS = range(3, 401)
"""Lags among which a period is sought."""
BELIEVED = range(6, 304)
"""Periods that serve as a buffer."""
DEFAULT_BUFFER = 125
"""Stands for a period that is not there or not believed."""


class _Events(NamedTuple):
    """First and last row of each labelled event, `(n_events,)` each."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]


def vus_pr(labels: Flags, scores: Floats, buffer: int) -> float:
    """Return the volume under the precision-recall surface of `scores (n,)`: higher is better, at most 1.

    `buffer`, in rows, is the longest buffer, half of it on either side of an event; `buffer_of` gives
    the usual one. NaN for one class only. Raises DataError for scores that are not finite, unequal
    lengths, or a negative buffer.
    """
    labels, scores = _checked(labels, scores, buffer)
    if labels.all() or not labels.any():
        return float("nan")
    ranks, events = _ranks(scores), _events(labels)
    flagged, hits = _reached(ranks), _reached(ranks[labels])
    areas = np.empty(buffer + 1)
    for window in range(buffer + 1):
        true = _reached(ranks, _soft_labels(labels, events, window))
        # The paper's mean of the labels as given and of these with the softened ones that are flagged.
        positive = labels.sum() + (true - hits) / 2
        recall = np.minimum(true / positive, 1) * _share_found(ranks, events, window // 2)
        areas[window] = np.diff(recall, prepend=0) @ (true / flagged)
    return float(areas.mean())


def buffer_of(values: Floats) -> int:
    """Return the longest buffer for a series: the period of `values (n,)` or `(n, n_features)`, in rows.

    It is the lag of the highest peak of the autocorrelation, or 125 where there is none or it is shorter
    than 6 rows or longer than 303 (TSB-AD's `find_length_rank`). The first feature with values stands for
    all, and its missing rows are left out; 125 where none has any. Raises DataError for infinite values.
    """
    present = _first_present(np.asarray(values, dtype=np.float64))[:LONGEST_SERIES]
    if not np.isfinite(present).all():
        raise DataError("values must be finite, or NaN where they are missing", field="values")
    period = _highest_peak(_autocovariance(present)) if len(present) else None
    return DEFAULT_BUFFER if period is None or period not in BELIEVED else period


def _first_present(values: Floats) -> Floats:
    """Return what is not missing of the first feature that has something, `(m,)`."""
    features = values.T if values.ndim == 2 else values[np.newaxis]
    return next((one[~np.isnan(one)] for one in features if not np.isnan(one).all()), np.empty(0))


def _checked(labels: Flags, scores: Floats, buffer: int) -> tuple[Flags, Floats]:
    labels, scores = np.asarray(labels, dtype=np.bool_), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise DataError(f"labels and scores must be alike in length, got {labels.shape} and {scores.shape}")
    if not np.isfinite(scores).all():
        raise DataError("scores must be finite: leave out the points without a score", field="scores")
    if buffer < 0:
        raise DataError(f"buffer must be 0 rows or more, got {buffer}", field="buffer")
    return labels, scores


def _events(labels: Flags) -> _Events:
    first, end = np.array(runs(labels)).T
    return _Events(first, end - 1)


def _ranks(scores: Floats) -> NDArray[np.int64]:
    """Return the number of the highest threshold that each score reaches `(n,)`; 0 is the highest of all."""
    kept = np.linspace(0, len(scores) - 1, N_THRESHOLDS).astype(np.int64)
    return np.searchsorted(np.sort(-scores)[kept], -scores)


def _reached(ranks: NDArray[np.int64], weights: Floats | None = None) -> Floats:
    """Return how many rows of `ranks (k,)` reach each threshold `(N_THRESHOLDS,)`, or their weight."""
    return np.cumsum(np.bincount(ranks, weights, minlength=N_THRESHOLDS))


def _soft_labels(labels: Flags, events: _Events, window: int) -> Floats:
    """Return labels in [0, 1] `(n,)` that fall off over half a `window` before and behind each event."""
    half = window // 2
    distance = np.arange(1, half + 1)
    rows = np.concatenate([np.subtract.outer(events.first, distance), np.add.outer(events.last, distance)])
    heights = np.broadcast_to(np.sqrt(1 - distance / max(window, 1)), rows.shape)
    # Half a window of room on either side takes what lies beyond the series.
    ramps = np.bincount((rows + half).ravel(), heights.ravel(), minlength=len(labels) + 2 * half)
    return np.minimum(labels + ramps[half : half + len(labels)], 1)


def _share_found(ranks: NDArray[np.int64], events: _Events, half: int) -> Floats:
    """Return the share of events with a flag inside or within `half` rows `(N_THRESHOLDS,)`.

    Events whose surroundings overlap are one.
    """
    apart = events.last[:-1] + half < events.first[1:] - half
    starts = np.maximum(events.first - half, 0)[np.append(True, apart)]
    ends = np.minimum(events.last + half + 1, len(ranks))[np.append(apart, True)]
    # Every second stretch lies between two events; one more rank makes the series' end a valid start.
    stretches = np.stack([starts, ends], axis=1).ravel()
    best = np.minimum.reduceat(np.append(ranks, N_THRESHOLDS), stretches)[::2]
    return _reached(best) / len(best)


def _highest_peak(covariance: Floats) -> int | None:
    """Return the lag of the highest local maximum of `covariance (n,)`, None without one."""
    sought = covariance[LAGS.start : LAGS.stop]
    inner = sought[1:-1]
    peaks = np.flatnonzero((inner > sought[:-2]) & (inner > sought[2:]))
    if not len(peaks):
        return None
    return LAGS.start + 1 + int(peaks[np.argmax(inner[peaks])])


def _autocovariance(values: Floats) -> Floats:
    """Return the sums of products at every lag `(n,)`, up to a factor; all 0 for constant `values (n,)`."""
    if np.ptp(values) == 0:
        return np.zeros_like(values)
    centred = values - values.mean()
    # Zeros behind the series keep its end from meeting its start.
    spectrum = np.fft.rfft(centred / np.abs(centred).max(), 2 * len(values))
    return np.fft.irfft(np.abs(spectrum) ** 2)[: len(values)]
