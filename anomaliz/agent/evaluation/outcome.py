"""An outcome: what was said of one incident, beside what should have been said."""

from dataclasses import dataclass
from typing import Self

from anomaliz.agent.assessment import Kind
from anomaliz.agent.evaluation.incidents import KnownIncident
from anomaliz.agent.evidence import gather, leading
from anomaliz.agent.explanation import Explanation, ExplanationStatus
from anomaliz.agent.shapes import shape_of
from anomaliz.agent.verification import unsupported_numbers


@dataclass(frozen=True)
class Outcome:
    """One incident explained, or not."""

    incident: str
    status: ExplanationStatus
    reason: str | None
    kind: Kind | None
    right_kind: bool
    right_severity: bool
    right_feature: bool
    """Whether the analysis names a feature that the cause changed."""
    unsupported_numbers: tuple[str, ...]
    """Numbers in analysis and recommendation that no fact states."""
    latency_ms: float
    tokens: int

    @property
    def answered(self) -> bool:
        return self.kind is not None

    @classmethod
    def of(cls, known: KnownIncident, said: Explanation) -> Self:
        """Hold an explanation against what is known; nothing of one that is not there is right."""
        text = "\n".join(filter(None, (said.analysis, said.recommendation)))
        return cls(
            incident=known.name,
            status=said.status,
            reason=said.reason,
            kind=said.kind,
            right_kind=said.kind == known.kind,
            right_severity=said.severity == known.severity,
            right_feature=any(feature in (said.analysis or "").lower() for feature in known.injected),
            unsupported_numbers=tuple(unsupported_numbers(text, gather(known.incident), known.incident)),
            latency_ms=said.latency_ms or 0.0,
            tokens=said.tokens or 0,
        )

    @classmethod
    def by_rules(cls, known: KnownIncident) -> Self:
        """Return what the summary's rules make of it, without an LLM."""
        first = leading(known.incident)[0]
        shape = shape_of(first.recent).kind
        return cls.of(
            known,
            Explanation(
                "ok",
                kind="other" if shape == "unknown" else shape,
                severity=known.incident.severity,
                analysis=first.feature,
            ),
        )
