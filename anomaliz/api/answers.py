"""Answers: verdicts as the dicts that are sent. A missing reading is NaN here and null when sent."""

from typing import Any, TypeAlias

from anomaliz.agent.explanation import DISABLED, NOT_NEEDED
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.score import score_of
from anomaliz.core.verdict import Status, Verdicts

Answer: TypeAlias = dict[str, Any]

STATUSES = [status.name for status in Status]
# Who has an LLM or a window at hand puts more into an answer.
NOT_EXPLAINED = {True: DISABLED.details(), False: NOT_NEEDED.details()}


def identity(bundle: Bundle) -> Answer:
    """Return which bundle it is."""
    return {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}


def answers_of(bundle: Bundle, verdicts: Verdicts) -> list[Answer]:
    """Return one answer of /analyze for each verdict, in order."""
    named = identity(bundle)
    detectors = _detectors(verdicts)
    contributions = _contributions(verdicts)
    sparse = (verdicts.rank_score, verdicts.alert_score, verdicts.alert)
    readings = [[None] * len(verdicts) if column is None else column.tolist() for column in sparse]
    rows = zip(
        verdicts.scored.tolist(),
        verdicts.anomaly.tolist(),
        verdicts.score.tolist(),
        verdicts.status.tolist(),
        *readings,
        strict=True,
    )
    return [
        {
            "anomaly": anomaly if scored else None,
            "score": score,
            "threshold": verdicts.threshold,
            "model_used": verdicts.leading_detector(i) if scored else None,
            "analysis": None,
            "severity": None,
            "recommendation": None,
            "summary": None,
            "explanation": NOT_EXPLAINED[anomaly],
            "status": STATUSES[status],
            "profile": verdicts.profile,
            "detectors": detectors[i],
            "contributions": contributions[i],
            "rank_score": rank_score,
            "alert_score": alert_score,
            "alert": alert if scored else None,
            "timestamp": None,
            "bundle": named,
        }
        for i, (scored, anomaly, score, status, rank_score, alert_score, alert) in enumerate(rows)
    ]


def _detectors(verdicts: Verdicts) -> list[Answer]:
    scores = score_of(verdicts.detector_surprise).tolist()
    surprises = verdicts.detector_surprise.tolist()
    return [
        {
            name: {"score": score, "surprise": surprise}
            for name, score, surprise in zip(verdicts.detectors, *row, strict=True)
        }
        for row in zip(scores, surprises, strict=True)
    ]


def _contributions(verdicts: Verdicts) -> list[Answer]:
    columns = (
        verdicts.contributions,
        verdicts.observed,
        verdicts.expected,
        verdicts.expected_lower,
        verdicts.expected_upper,
    )
    return [
        {
            feature: {
                "contribution": contribution,
                "observed": observed,
                "expected": expected,
                "expected_lower": lower,
                "expected_upper": upper,
            }
            for feature, contribution, observed, expected, lower, upper in zip(
                verdicts.features, *row, strict=True
            )
        }
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
