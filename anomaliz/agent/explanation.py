"""An explanation: what the agent says of an incident, or why it says nothing."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from anomaliz.agent.assessment import Kind
from anomaliz.agent.evidence import Fact
from anomaliz.core.verdict import Severity

ExplanationStatus = Literal[
    "ok",
    "inconclusive",
    "disabled",
    "not_needed",
    "skipped",
    "pending",
    "timeout",
    "error",
    "circuit_open",
    "budget",
    "busy",
]
STATUSES: tuple[ExplanationStatus, ...] = get_args(ExplanationStatus)
FAILED: frozenset[ExplanationStatus] = frozenset({"timeout", "error", "circuit_open", "budget", "busy"})
"""A backend is there, and it gave no explanation."""


@dataclass(frozen=True)
class Explanation:
    """With status `ok` and `inconclusive` every field is there; else only those about the asking."""

    status: ExplanationStatus
    reason: str | None = None
    """Why there is no explanation, or why it is inconclusive; one sentence."""
    analysis: str | None = None
    severity: Severity | None = None
    recommendation: str | None = None
    kind: Kind | None = None
    confidence: float | None = None
    evidence: tuple[Fact, ...] = ()
    """The facts that it relies on."""
    model: str | None = None
    prompt_version: str | None = None
    latency_ms: float | None = None
    tokens: int | None = None
    """Of this explanation: 0 where an earlier one was used again."""
    cached: bool = False

    def answer(self) -> dict[str, Any]:
        """Return the fields that an answer of /analyze gains."""
        return {
            "analysis": self.analysis,
            "severity": self.severity,
            "recommendation": self.recommendation,
            "explanation": self.details(),
        }

    def details(self, id: str | None = None) -> dict[str, Any]:
        """Return the field `explanation`; `id` is where a pending one will be."""
        return {
            "status": self.status,
            "reason": self.reason,
            "kind": self.kind,
            "confidence": self.confidence,
            "evidence": [{"id": fact.id, "text": fact.text} for fact in self.evidence],
            "model": self.model,
            "prompt_version": self.prompt_version,
            "latency_ms": self.latency_ms,
            "tokens": self.tokens,
            "cached": self.cached,
            "id": id,
        }


DISABLED = Explanation("disabled")
NOT_NEEDED = Explanation("not_needed")
SKIPPED = Explanation("skipped")
PENDING = Explanation("pending")
