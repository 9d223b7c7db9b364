"""How well flags and scores find the labelled anomalies. A point is flagged when score >= threshold."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats


class PrecisionRecallF1(NamedTuple):
    """Each in [0, 1], and 0 where its denominator is."""

    precision: float
    recall: float
    f1: float


class Curve(NamedTuple):
    """Points of a curve `(k,)`, from the highest threshold to the lowest; no points for one class only.

    The first threshold lies just above the highest score: it flags nothing.
    """

    x: Floats
    y: Floats
    thresholds: Floats


class _Counts(NamedTuple):
    """Flagged points at each distinct score, highest first, `(k,)`."""

    scores: Floats
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]


def precision_recall_f1(labels: Flags, flags: Flags) -> PrecisionRecallF1:
    """Compare `flags (n,)` with `labels (n,)`, point by point; DataError for unequal lengths."""
    labels, flags = np.asarray(labels, dtype=np.bool_), np.asarray(flags, dtype=np.bool_)
    if labels.shape != flags.shape:
        raise DataError(f"labels and flags must be alike in length, got {labels.shape} and {flags.shape}")
    found = int((labels & flags).sum())
    n_flagged, n_labelled = int(flags.sum()), int(labels.sum())
    return PrecisionRecallF1(
        _ratio(found, n_flagged), _ratio(found, n_labelled), _ratio(2 * found, n_flagged + n_labelled)
    )


def best_f1(labels: Flags, scores: Floats) -> tuple[float, float]:
    """Return the highest F1 that a threshold on `scores (n,)` reaches, and that threshold.

    The threshold lies midway between the lowest flagged score and the next lower one, so that
    rounding changes no flag; it is the lowest score where everything is flagged. Of thresholds
    that are equally good, the highest. Raises DataError for scores that are not finite, unequal
    lengths, or no label that is True.
    """
    cuts, f1 = _f1_by_cut(labels, scores)
    best = int(np.argmax(f1))
    return float(f1[best]), _midway(cuts, best)


def best_f1_plateau(labels: Flags, scores: Floats, within: float) -> tuple[float, float]:
    """Return the lowest and the highest threshold of the plateau around the best F1.

    It is the unbroken run of thresholds on `scores (n,)` whose F1 lies within this share of the best.
    Raises DataError as `best_f1` does.
    """
    cuts, f1 = _f1_by_cut(labels, scores)
    best = int(np.argmax(f1))
    off = np.flatnonzero(f1 < (1 - within) * f1[best])
    first = int(off[off < best].max(initial=-1)) + 1
    last = int(off[off > best].min(initial=len(cuts))) - 1
    return _midway(cuts, last), float(cuts[first])


def roc_curve(labels: Flags, scores: Floats) -> Curve:
    """Return true-positive rate (y) over false-positive rate (x) of `scores (n,)`.

    Raises DataError for scores that are not finite or unequal lengths.
    """
    labels, scores = _checked(labels, scores)
    if _one_class(labels):
        return _no_curve()
    counts = _counts(labels, scores)
    return Curve(
        np.append(0.0, counts.false_positives / (~labels).sum()),
        np.append(0.0, counts.true_positives / labels.sum()),
        _thresholds(counts.scores),
    )


def roc_auc(labels: Flags, scores: Floats) -> float:
    """Return the chance that an anomaly scores higher than a normal point, a tie counting half.

    It is the area under `roc_curve`, from mid-ranks (Mann and Whitney, 1947). NaN for one class
    only. Raises DataError for scores that are not finite or unequal lengths.
    """
    labels, scores = _checked(labels, scores)
    if _one_class(labels):
        return float("nan")
    _, which, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(sizes) - (sizes - 1) / 2
    n_positive, n_negative = int(labels.sum()), int((~labels).sum())
    rank_sum = float(mid_ranks[which][labels].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def precision_recall_curve(labels: Flags, scores: Floats) -> Curve:
    """Return precision (y) over recall (x) of `scores (n,)`, from recall 0 and precision 1.

    Raises DataError for scores that are not finite or unequal lengths.
    """
    labels, scores = _checked(labels, scores)
    if _one_class(labels):
        return _no_curve()
    counts = _counts(labels, scores)
    flagged = counts.true_positives + counts.false_positives
    return Curve(
        np.append(0.0, counts.true_positives / labels.sum()),
        np.append(1.0, counts.true_positives / flagged),
        _thresholds(counts.scores),
    )


def average_precision(labels: Flags, scores: Floats) -> float:
    """Return the area under the precision-recall curve in steps: precision times the recall it gains.

    As scikit-learn's `average_precision_score`. NaN for one class only. Raises DataError for scores
    that are not finite or unequal lengths.
    """
    curve = precision_recall_curve(labels, scores)
    if not len(curve.x):
        return float("nan")
    return float(np.sum(np.diff(curve.x) * curve.y[1:]))


def thin(curve: Curve, most: int = 200) -> Curve:
    """Return at most `most` (2 or more) of the curve's points, evenly along it, with both ends."""
    if len(curve.x) <= most:
        return curve
    distance = np.append(0.0, np.cumsum(np.hypot(np.diff(curve.x), np.diff(curve.y))))
    kept = np.searchsorted(distance, np.linspace(0.0, distance[-1], most))
    kept[-1] = len(distance) - 1
    return Curve(*(column[np.unique(kept)] for column in curve))


def _checked(labels: Flags, scores: Floats) -> tuple[Flags, Floats]:
    labels, scores = np.asarray(labels, dtype=np.bool_), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise DataError(f"labels and scores must be alike in length, got {labels.shape} and {scores.shape}")
    if not np.isfinite(scores).all():
        raise DataError("scores must be finite: leave out the points without a score", field="scores")
    return labels, scores


def _f1_by_cut(labels: Flags, scores: Floats) -> tuple[Floats, Floats]:
    """Return each distinct score, highest first, and the F1 of flagging all that reach it, `(k,)` each."""
    labels, scores = _checked(labels, scores)
    if not labels.any():
        raise DataError("no F1 without anomalies: give labels with at least one", field="label")
    counts = _counts(labels, scores)
    flagged = counts.true_positives + counts.false_positives
    return counts.scores, 2 * counts.true_positives / (flagged + labels.sum())


def _counts(labels: Flags, scores: Floats) -> _Counts:
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    # Equal scores are flagged together, so only the last of each run is a place to cut.
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    true_positives = np.cumsum(labels, dtype=np.int64)[last]
    return _Counts(scores[last], true_positives, last + 1 - true_positives)


def _midway(scores: Floats, i: int) -> float:
    lowest = float(scores[i])
    if i + 1 == len(scores):
        return lowest
    lower = float(scores[i + 1])
    midway = lowest / 2 + lower / 2
    # Two neighbouring floats have nothing between them.
    return midway if midway > lower else lowest


def _thresholds(scores: Floats) -> Floats:
    return np.append(np.nextafter(scores[0], np.inf), scores)


def _one_class(labels: Flags) -> bool:
    return bool(labels.all() or not labels.any())


def _no_curve() -> Curve:
    return Curve(np.empty(0), np.empty(0), np.empty(0))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
