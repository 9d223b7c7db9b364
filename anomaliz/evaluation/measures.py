"""What a scored series is worth, measure by measure; None where a measure is not defined.

Ranking measures (`vus_pr, auc_pr, roc_auc, best_f1`) read `rank_score`; `f1, precision, recall` read
`score >= threshold`, the shipped label-free threshold; `event_recall, median_delay` (in rows, over the
events found) and `false_alarms_per_day` read `alert`.

Which rows count depends on the protocol: all of them for NAB, whose training rows have reading 0, and
the test rows elsewhere. The buffer of VUS-PR is read off the same rows. Events and false alarms are always
counted on the rows behind the training part, since no other can raise an alarm. Without an anomaly in the
rows that count, only the false alarms are defined.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from anomaliz.core.score import score_of
from anomaliz.core.stamps import infer_step
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import FUSED
from anomaliz.detection.thresholds import from_labels
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.metrics.classification import (
    average_precision,
    best_f1,
    precision_recall_f1,
    roc_auc,
)
from anomaliz.metrics.events import detection_delays, event_recall, false_alarms_per_day
from anomaliz.metrics.vus import buffer_of, vus_pr

Measures: TypeAlias = Mapping[str, float | None]

RANKING = ("vus_pr", "auc_pr", "roc_auc", "best_f1")
AT_THRESHOLD = ("f1", "precision", "recall")


def of_all_rows(scored: Scored) -> Measures:
    """Return the measures of all rows of a series."""
    return _measures(scored, slice(None))


def of_test_rows(scored: Scored) -> Measures:
    """Return the measures of the rows behind a series' training and validation parts."""
    return _measures(scored, _test(scored.series))


def ranking_of_all_rows(scored: Scored) -> Mapping[str, Measures]:
    """Return the ranking measures of the surprise of the fusion and each member, in all rows."""
    return _ranking_by_detector(scored, slice(None))


def ranking_of_test_rows(scored: Scored) -> Mapping[str, Measures]:
    """Return them in the rows behind a series' training and validation parts."""
    return _ranking_by_detector(scored, _test(scored.series))


def of_detectors(scored: Scored) -> Mapping[str, Mapping[str, Any]]:
    """Return the measures of the fusion's and each member's test rows, at a threshold tuned on validation.

    Where the validation part has no labelled row, or cannot tell it from any other, the threshold is the
    label-free one.
    """
    ranking = ranking_of_test_rows(scored)
    return {
        name: {**ranking[name], **_at_tuned(scored.series, scored.surprise[name], scored.thresholds[name])}
        for name in ranking
    }


def _ranking_by_detector(scored: Scored, rows: slice) -> Mapping[str, Measures]:
    labels, buffer = scored.series.labels[rows], buffer_of(scored.series.values[rows])
    names = sorted(scored.surprise, key=lambda name: name != FUSED)
    return {name: _ranking(labels, scored.surprise[name][rows], buffer) for name in names}


def _measures(scored: Scored, rows: slice) -> Measures:
    series = scored.series
    test = _test(series)
    flags = scored.score >= scored.threshold
    return {
        **_ranking(series.labels[rows], scored.rank_score[rows], buffer_of(series.values[rows])),
        **_at_threshold(series.labels[rows], flags[rows]),
        **_of_events(series.labels[test], scored.alert[test]),
        "false_alarm_rate": _share(flags[test], ~series.labels[test]),
        "false_alarms_per_day": _per_day(series, scored.alert),
        "threshold": scored.threshold,
    }


def _test(series: Labelled) -> slice:
    return slice(series.n_train + series.n_validation, None)


def _ranking(labels: Flags, scores: Floats, buffer: int) -> Measures:
    if not labels.any():
        return dict.fromkeys(RANKING)
    return {
        "vus_pr": _defined(vus_pr(labels, scores, buffer)),
        "auc_pr": _defined(average_precision(labels, scores)),
        "roc_auc": _defined(roc_auc(labels, scores)),
        "best_f1": best_f1(labels, scores)[0],
    }


def _at_threshold(labels: Flags, flags: Flags) -> Measures:
    if not labels.any():
        return dict.fromkeys(AT_THRESHOLD)
    found = precision_recall_f1(labels, flags)
    return {name: getattr(found, name) for name in AT_THRESHOLD}


def _of_events(labels: Flags, alerts: Flags) -> Measures:
    delays = detection_delays(labels, alerts)
    found = delays[np.isfinite(delays)]
    return {
        "event_recall": _defined(event_recall(labels, alerts)),
        "median_delay": float(np.median(found)) if len(found) else None,
    }


def _per_day(series: Labelled, alerts: Flags) -> float | None:
    """Return the false alarms of a day, None where the stamps do not tell how long a row is."""
    if series.times is None or not _mostly_increase(series.times):
        return None
    test = _test(series)
    return _defined(false_alarms_per_day(series.labels[test], alerts[test], infer_step(series.times)))


def _mostly_increase(times: Stamps) -> bool:
    """Return whether a row takes a positive time: a median does not mind the few stamps that step back."""
    apart = np.diff(times).astype(np.int64)
    return bool(len(apart) and np.median(apart) > 0)


def _at_tuned(series: Labelled, surprise: Floats, label_free: float) -> Mapping[str, Any]:
    """Return the measures at the threshold that validation chooses, or else the `label_free` one."""
    validation = slice(series.n_train, series.n_train + series.n_validation)
    tuned = from_labels(surprise[validation], series.labels[validation])
    threshold = label_free if tuned is None else tuned
    test = _test(series)
    labels, flags = series.labels[test], score_of(surprise[test]) >= threshold
    return {
        **_at_threshold(labels, flags),
        "false_alarm_rate": _share(flags, ~labels),
        "threshold": threshold,
        "chosen_by": "alert_budget" if tuned is None else "f1",
    }


def _share(flags: Flags, among: Flags) -> float | None:
    return float(flags[among].mean()) if among.any() else None


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
