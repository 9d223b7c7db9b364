"""Test metrics of each detector and of their fusion."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from anomaliz.core.score import score_of
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import FUSED
from anomaliz.detection.profile import Judgement, Profile
from anomaliz.detection.thresholds import decide
from anomaliz.metrics.classification import (
    average_precision,
    precision_recall_curve,
    precision_recall_f1,
    roc_auc,
    roc_curve,
    thin,
)

SUMMARISED = ("precision", "recall", "f1", "roc_auc", "pr_auc", "false_alarm_rate")


def thresholds(
    profile: Profile, validation: Judgement, labels: Flags | None, budget: float
) -> dict[str, float]:
    """Return the threshold of each detector and of the fusion, all chosen by the same rule on validation."""
    chosen = {
        member.name: decide(member.tail, validation.detector_surprise[:, i], labels, budget).threshold
        for i, member in enumerate(profile.members)
    }
    return {**chosen, FUSED: profile.decision.threshold}


def evaluate(
    profile: Profile, test: Judgement, labels: Flags | None, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Return `{detector or "fused": {metric: value}}` on the test part; None where a metric is undefined."""
    return {
        name: metrics_of(surprise, labels, thresholds[name])
        for name, surprise in _surprises(profile, test).items()
    }


def curves(profile: Profile, test: Judgement, labels: Flags | None) -> dict[str, Any]:
    """Return ROC and precision-recall points of each detector and the fusion; none without both classes."""
    if labels is None or labels.all() or not labels.any():
        return {}
    return {name: _curves(labels, surprise) for name, surprise in _surprises(profile, test).items()}


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation over `runs` (outputs of `evaluate`) of each metric."""
    return {
        name: {metric: _mean_std([run[name][metric] for run in runs]) for metric in SUMMARISED}
        for name in runs[0]
    }


def _surprises(profile: Profile, judgement: Judgement) -> dict[str, Floats]:
    members = {name: judgement.detector_surprise[:, i] for i, name in enumerate(profile.detectors)}
    return {**members, FUSED: judgement.surprise}


def metrics_of(surprise: Floats, labels: Flags | None, threshold: float) -> dict[str, Any]:
    """Return the metrics of `surprise (n,)` at `threshold`, a score; None where one is undefined."""
    flags = score_of(surprise) >= threshold
    normal = np.ones(len(flags), bool) if labels is None else ~labels
    found = {
        "threshold": threshold,
        "n": len(flags),
        "n_anomalous": int((~normal).sum()),
        "false_alarm_rate": _finite(flags[normal].mean()) if normal.any() else None,
    }
    if labels is None or not labels.any():
        return {**found, **dict.fromkeys(("precision", "recall", "f1", "roc_auc", "pr_auc"))}
    at_threshold = precision_recall_f1(labels, flags)
    return {
        **found,
        "precision": at_threshold.precision,
        "recall": at_threshold.recall,
        "f1": at_threshold.f1,
        "roc_auc": _finite(roc_auc(labels, surprise)),
        "pr_auc": _finite(average_precision(labels, surprise)),
    }


def _curves(labels: Flags, surprise: Floats) -> dict[str, Any]:
    roc, pr = thin(roc_curve(labels, surprise)), thin(precision_recall_curve(labels, surprise))
    return {
        "roc": {"false_positive_rate": roc.x.tolist(), "true_positive_rate": roc.y.tolist()},
        "pr": {"recall": pr.x.tolist(), "precision": pr.y.tolist()},
    }


def _mean_std(values: list[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return {"mean": float(np.mean(known)), "std": float(np.std(known))} if known else None


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
