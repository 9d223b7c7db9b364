"""Measures: how good one model's explanations of the incidents were, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from anomaliz.agent.evaluation.outcome import Outcome


@dataclass(frozen=True)
class Measures:
    """Shares are of all incidents, so that one without an answer counts against the model."""

    incidents: int
    answered: int
    inconclusive: int
    kind_accuracy: float
    feature_accuracy: float
    severity_accuracy: float
    unsupported_rate: float | None
    """Share of the answers that quote a number which no fact states; None without answers."""
    latency_p50_ms: float | None
    """Of the answers."""
    latency_p95_ms: float | None
    tokens: int
    cost: float | None
    """None where the settings have no price for the model."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], cost: float | None) -> Self:
        """Return the measures of one or more outcomes."""
        answers = [outcome for outcome in outcomes if outcome.answered]
        latencies = [outcome.latency_ms for outcome in answers]
        return cls(
            incidents=len(outcomes),
            answered=len(answers),
            inconclusive=sum(outcome.status == "inconclusive" for outcome in answers),
            kind_accuracy=_share([outcome.right_kind for outcome in outcomes]),
            feature_accuracy=_share([outcome.right_feature for outcome in outcomes]),
            severity_accuracy=_share([outcome.right_severity for outcome in outcomes]),
            unsupported_rate=_share([bool(o.unsupported_numbers) for o in answers]) if answers else None,
            latency_p50_ms=float(np.median(latencies)) if answers else None,
            latency_p95_ms=float(np.percentile(latencies, 95)) if answers else None,
            tokens=sum(outcome.tokens for outcome in outcomes),
            cost=cost,
        )


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)
