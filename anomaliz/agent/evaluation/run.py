"""Runs the incidents through the explainer, model by model."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from anomaliz.agent.evaluation.incidents import KnownIncident
from anomaliz.agent.evaluation.measures import Measures
from anomaliz.agent.evaluation.outcome import Outcome
from anomaliz.agent.explainer import Explainer
from anomaliz.config.settings import Agent

RULES = "rules"
"""Stands where a model's name does, for what is said without one."""
Done = Callable[[str, float], None]
"""Takes the name of an incident that is done, and its seconds."""


@dataclass(frozen=True)
class ModelResult:
    """What one model made of all incidents."""

    model: str
    prompt_version: str | None
    measures: Measures
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


async def evaluate(
    known: Sequence[KnownIncident], agent: Agent, model: str | None, jobs: int, done: Done
) -> ModelResult:
    """Have a model of the configured backend explain every incident, `jobs` at a time.

    What the LLM does wrong is in the outcomes. Raises MissingExtraError, and ConfigError for a backend that
    is disabled.
    """
    registry = CollectorRegistry()
    agent = agent.model_copy(update={"max_concurrent": jobs, "breaker_failures": len(known) + 1})
    explainer = Explainer.of(agent, registry, model=model)
    places = asyncio.Semaphore(jobs)
    versions = []

    async def explained(incident: KnownIncident) -> Outcome:
        async with places:
            explanation = await explainer.explain(incident.incident)
        versions.append(explanation.prompt_version)
        outcome = Outcome.of(incident, explanation)
        done(f"{explainer.backend.model} {incident.name} {outcome.status}", outcome.latency_ms / 1000)
        return outcome

    outcomes = await asyncio.gather(*map(explained, known))
    spent = registry.get_sample_value("anomaliz_agent_cost_total", {"model": explainer.backend.model})
    return ModelResult(
        model=explainer.backend.model,
        prompt_version=next(filter(None, versions), None),
        measures=Measures.of(outcomes, None if explainer.backend.price is None else spent),
        outcomes=tuple(outcomes),
    )


def by_rules(known: Sequence[KnownIncident]) -> ModelResult:
    """Return what the rules of the summary make of every incident: what an LLM has to beat."""
    outcomes = tuple(map(Outcome.by_rules, known))
    return ModelResult(RULES, None, Measures.of(outcomes, 0.0), outcomes)
